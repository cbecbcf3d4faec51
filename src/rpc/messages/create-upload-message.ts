import type { CreateUploadRequest } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { fromOptionalInt64 } from "./int64.ts";

/** CreateUploadRequest in plain values; the command decides which are allowed. Sizes in bytes. */
export interface CreateUploadValues {
  requestId: string;
  namespace: string;
  path: string;
  sizeBytes?: number;
  sizeHintBytes?: number;
  contentType: string;
  metadata: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  dataSubject: string;
  crc32?: number;
  sha256?: Uint8Array;
  computeSha256: boolean;
  ifGenerationMatch?: number;
}

/** Reads a CreateUploadRequest, alone or inside the start of a stream. Integers beyond 2^53 - 1 are `invalid_argument`. */
export function fromCreateUploadRequest(message: CreateUploadRequest): CreateUploadValues {
  const sizeBytes = fromOptionalInt64(message.sizeBytes, "size_bytes");
  const sizeHintBytes = fromOptionalInt64(message.sizeHintBytes, "size_hint_bytes");
  const ifGenerationMatch = fromOptionalInt64(message.ifGenerationMatch, "if_generation_match");
  return {
    requestId: message.requestId,
    namespace: message.namespace,
    path: message.path,
    contentType: message.contentType,
    metadata: message.metadata,
    labels: message.labels,
    dataSubject: message.dataSubject,
    computeSha256: message.computeSha256,
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(sizeHintBytes !== undefined && { sizeHintBytes }),
    ...(message.crc32 !== undefined && { crc32: message.crc32 }),
    ...(message.sha256 !== undefined && { sha256: message.sha256 }),
    ...(ifGenerationMatch !== undefined && { ifGenerationMatch }),
  };
}
