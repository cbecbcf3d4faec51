import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type AuditEntry,
  AuditEntrySchema,
  type AuditProof,
  AuditProofSchema,
  type ExportAuditResponse,
  ExportAuditResponseSchema,
} from "../../../gen/sluice/v1/audit_service_pb.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import type { LeafParts } from "../../domain/log/log-leaves.ts";
import type { ExportMessage, ExportProgress } from "../../queries/audit/export-audit.ts";

/** An entry as the API shows it. */
export function toEntryMessage({
  personal,
  resource,
  time,
  firstTime,
  sequence,
  times,
  requestId,
  tokenId,
  traceId,
  proof,
  ...entry
}: JournalEntry): AuditEntry {
  const { before, after, ...known } = personal ?? {};
  return create(AuditEntrySchema, {
    ...entry,
    ...known,
    sequence: BigInt(sequence),
    time: timestampFromDate(time),
    ...(firstTime !== undefined && { firstTime: timestampFromDate(firstTime) }),
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
    ...(proof !== undefined && { proof: toProofMessage(proof) }),
  });
}

/** What proves an entry, as the API shows it. */
export function toProofMessage({ salt, publicBytes, personalHash, personal }: LeafParts): AuditProof {
  return create(AuditProofSchema, {
    ...{ salt, publicBytes, personalHash },
    ...(personal !== undefined && { personalSalt: personal.salt, personalBytes: personal.bytes }),
  });
}

/** A message of an export. */
export function toExportMessage(message: ExportMessage): ExportAuditResponse {
  switch (message.kind) {
    case "entry":
      return create(ExportAuditResponseSchema, { content: { case: "entry", value: toEntryMessage(message.entry) } });
    case "progress":
      return create(ExportAuditResponseSchema, { content: { case: "progress", value: toProgress(message) } });
    case "end":
      return create(ExportAuditResponseSchema, { content: { case: "end", value: toEnd(message) } });
  }
}

/** The line of an exported object: the message as JSON, as REST sends it. */
export function toExportLine(message: ExportMessage): string {
  return `${JSON.stringify(toJson(ExportAuditResponseSchema, toExportMessage(message), { alwaysEmitImplicit: true }))}\n`;
}

function toProgress({ sequence, count }: ExportProgress) {
  return { sequence: BigInt(sequence), count: BigInt(count) };
}

function toEnd({ count, lastSequence }: { count: number; lastSequence: number }) {
  return { count: BigInt(count), lastSequence: BigInt(lastSequence) };
}
