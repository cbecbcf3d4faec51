import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type SignPartsRequest,
  type SignPartsResponse,
  SignPartsResponseSchema,
} from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { SignedPart, SignPartsRequest as SignPartsValues } from "../../commands/uploads/sign-parts.ts";
import { fromDuration } from "./duration.ts";
import { fromInt64 } from "./int64.ts";

/** SignPartsRequest in plain values. */
export function fromSignPartsRequest({ namespace, uploadId, parts, lifetime }: SignPartsRequest): SignPartsValues {
  return {
    namespace,
    uploadId,
    parts: parts.map(({ partNumber, sizeBytes, crc32 }) => {
      return { partNumber, sizeBytes: fromInt64(sizeBytes, "parts.size_bytes"), crc32 };
    }),
    ...(lifetime !== undefined && { lifetimeMs: fromDuration(lifetime, "lifetime") }),
  };
}

/** The signed parts as the API shows them. */
export function toSignPartsResponse(signed: { parts: readonly SignedPart[]; expireTime: Date }): SignPartsResponse {
  return create(SignPartsResponseSchema, {
    parts: signed.parts.map(({ partNumber, url, headers }) => {
      return { partNumber, wasDurable: url === undefined, url: url ?? "", headers: { ...headers } };
    }),
    expireTime: timestampFromDate(signed.expireTime),
  });
}
