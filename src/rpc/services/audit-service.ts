import { create, type JsonObject } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type AuditEntry,
  AuditEntrySchema,
  type AuditProof,
  AuditProofSchema,
  type AuditService,
  GetInclusionProofResponseSchema,
  ListAuditEntriesResponseSchema,
} from "../../../gen/sluice/v1/audit_service_pb.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import type { GetInclusionProofRequest, InclusionProof } from "../../queries/get-inclusion-proof.ts";
import type { ListAuditEntriesRequest } from "../../queries/list-audit-entries.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";

/** The functions that AuditService calls. */
export interface AuditFunctions {
  listAuditEntries(
    request: ListAuditEntriesRequest,
    options: CallOptions,
  ): Promise<{ entries: JournalEntry[]; nextPageToken: string }>;
  getInclusionProof(request: GetInclusionProofRequest, options: CallOptions): Promise<InclusionProof>;
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
  };
}

function toProofMessage({ salt, publicBytes, personalHash, personal }: InclusionProof["leaf"]): AuditProof {
  const parts = { salt, publicBytes, personalHash };
  return create(AuditProofSchema, {
    ...parts,
    ...(personal !== undefined && { personalSalt: personal.salt, personalBytes: personal.bytes }),
  });
}

function toEntryMessage({
  personal,
  resource,
  time,
  sequence,
  times,
  requestId,
  tokenId,
  traceId,
  ...entry
}: JournalEntry): AuditEntry {
  const { before, after, ...known } = personal ?? {};
  return create(AuditEntrySchema, {
    ...entry,
    ...known,
    sequence: BigInt(sequence),
    time: timestampFromDate(time),
    resourceKind: resource.kind,
    ...(resource.id !== undefined && { resourceId: resource.id }),
    generation: BigInt(resource.generation ?? 0),
    ...(tokenId !== undefined && { tokenId }),
    ...(requestId !== undefined && { requestId }),
    ...(traceId !== undefined && { traceId }),
    times: BigInt(times),
    // What a statement wrote as jsonb is an object.
    ...(before !== undefined && { before: before as JsonObject }),
    ...(after !== undefined && { after: after as JsonObject }),
    erased: personal === undefined,
  });
}
