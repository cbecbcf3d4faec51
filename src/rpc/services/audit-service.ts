import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type AuditService, ListAuditEntriesResponseSchema } from "../../../gen/sluice/v1/audit_service_pb.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import type { ListAuditEntriesRequest } from "../../queries/list-audit-entries.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { toEntryMessage } from "../messages/entry-message.ts";

/** The functions that AuditService calls. */
export interface AuditFunctions {
  listAuditEntries(
    request: ListAuditEntriesRequest,
    options: CallOptions,
  ): Promise<{ entries: JournalEntry[]; nextPageToken: string }>;
}

/** AuditService for Connect: protobuf in, protobuf out. */
export function createAuditService(functions: AuditFunctions): ServiceImpl<typeof AuditService> {
  return {
    listAuditEntries: async ({ namespace, filter, pageSize, pageToken }, context) => {
      const request = { namespace, filter, pageSize, pageToken };
      const { entries, nextPageToken } = await functions.listAuditEntries(request, toCallOptions(context));
      return create(ListAuditEntriesResponseSchema, { entries: entries.map(toEntryMessage), nextPageToken });
    },
  };
}
