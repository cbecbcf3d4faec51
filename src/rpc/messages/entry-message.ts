import { create, type JsonObject } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type AuditEntry, AuditEntrySchema } from "../../../gen/sluice/v1/audit_service_pb.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";

/** An entry of the journal as the API shows it. */
export function toEntryMessage({
  personal,
  resource,
  time,
  sequence,
  times,
  requestId,
  tokenId,
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
    times: BigInt(times),
    // What a statement wrote as jsonb is an object.
    ...(before !== undefined && { before: before as JsonObject }),
    ...(after !== undefined && { after: after as JsonObject }),
    erased: personal === undefined,
  });
}
