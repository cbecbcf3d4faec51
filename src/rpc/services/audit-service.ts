import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type AuditService,
  GetInclusionProofResponseSchema,
  ListAuditEntriesResponseSchema,
} from "../../../gen/sluice/v1/audit_service_pb.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import type { ExportAuditRequest, ExportMessage } from "../../queries/audit/export-audit.ts";
import type { GetInclusionProofRequest, InclusionProof } from "../../queries/audit/get-inclusion-proof.ts";
import type { ListAuditEntriesRequest } from "../../queries/audit/list-audit-entries.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { toEntryMessage, toExportMessage, toProofMessage } from "../messages/audit-message.ts";
import { fromInt64 } from "../messages/int64.ts";

/** The functions that AuditService calls. */
export interface AuditFunctions {
  listAuditEntries(
    request: ListAuditEntriesRequest,
    options: CallOptions,
  ): Promise<{ entries: JournalEntry[]; nextPageToken: string }>;
  getInclusionProof(request: GetInclusionProofRequest, options: CallOptions): Promise<InclusionProof>;
  exportAudit(request: ExportAuditRequest, options: CallOptions): AsyncIterable<ExportMessage>;
}

/** AuditService for Connect: protobuf in, protobuf out. */
export function createAuditService(functions: AuditFunctions): ServiceImpl<typeof AuditService> {
  return {
    listAuditEntries: async ({ namespace, filter, pageSize, pageToken }, context) => {
      const request = { namespace, filter, pageSize, pageToken };
      const { entries, nextPageToken } = await functions.listAuditEntries(request, toCallOptions(context));
      return create(ListAuditEntriesResponseSchema, { entries: entries.map(toEntryMessage), nextPageToken });
    },
    getInclusionProof: async ({ namespace, entry }, context) => {
      const { tlogProof, leaf } = await functions.getInclusionProof({ namespace, entry }, toCallOptions(context));
      return create(GetInclusionProofResponseSchema, { tlogProof, proof: toProofMessage(leaf) });
    },
    async *exportAudit({ namespace, filter, afterSequence }, context) {
      const request = { namespace, filter, afterSequence: fromInt64(afterSequence, "after_sequence") };
      for await (const message of functions.exportAudit(request, toCallOptions(context)))
        yield toExportMessage(message);
    },
  };
}
