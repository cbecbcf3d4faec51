import type { CreateUploadRequest as CreateUploadMessage } from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { CreateUploadRequest } from "../../commands/uploads/create-upload.ts";
import { fromOptionalInt64 } from "./int64.ts";

/** Reads a CreateUploadRequest, alone or inside the start of a stream. Integers beyond 2^53 - 1 are `invalid_argument`. */
export function fromCreateUploadRequest(message: CreateUploadMessage): CreateUploadRequest {
  return {
    requestId: message.requestId,
    namespace: message.namespace,
    path: message.path,
    sizeBytes: fromOptionalInt64(message.sizeBytes, "size_bytes"),
    sizeHintBytes: fromOptionalInt64(message.sizeHintBytes, "size_hint_bytes"),
    contentType: message.contentType,
    metadata: message.metadata,
    labels: message.labels,
    dataSubject: message.dataSubject,
    crc32: message.crc32,
    sha256: message.sha256,
    computeSha256: message.computeSha256,
    ifGenerationMatch: fromOptionalInt64(message.ifGenerationMatch, "if_generation_match"),
  };
}
