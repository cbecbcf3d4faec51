import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { CreateUploadTokenRequest as CreateUploadTokenMessage } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { UploadTokenSchema, type UploadToken as WireUploadToken } from "../../../gen/sluice/v1/upload_token_pb.ts";
import type { CreateUploadTokenRequest } from "../../commands/uploads/create-upload-token.ts";
import { isPrefix } from "../../domain/access/upload-token.ts";
import type { UploadToken } from "../../domain/caller.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { fromDuration } from "./duration.ts";
import { fromInt64 } from "./int64.ts";

/** Reads a CreateUploadTokenRequest; `invalid_argument` unless it names one prefix or one path. */
export function fromUploadTokenRequest(message: CreateUploadTokenMessage): CreateUploadTokenRequest {
  const { namespace, uploadsMax, onlyNewFiles, lifetime } = message;
  return {
    namespace,
    place: fromPlace(message.place),
    sizeMaxBytes: fromInt64(message.sizeMaxBytes, "size_max_bytes"),
    uploadsMax,
    onlyNewFiles,
    lifetimeMs: lifetime === undefined ? undefined : fromDuration(lifetime, "lifetime"),
  };
}

/** What a token allows, as the API shows it. */
export function toUploadTokenMessage(said: UploadToken): WireUploadToken {
  const { tokenId, namespace, place, sizeMaxBytes, uploadsMax, onlyNewFiles, expireTime, issuer } = said;
  return create(UploadTokenSchema, {
    tokenId,
    namespace,
    place: { case: isPrefix(place) ? "prefix" : "path", value: place },
    sizeMaxBytes: BigInt(sizeMaxBytes),
    uploadsMax,
    onlyNewFiles,
    expireTime: timestampFromDate(expireTime),
    principal: issuer.principal,
  });
}

function fromPlace(place: CreateUploadTokenMessage["place"]): string {
  if (place.case === "prefix") {
    if (isPrefix(place.value)) return place.value;
    const shown = JSON.stringify(place.value.slice(0, 100));
    throw invalidArgument("prefix", `prefix is ${shown}; it must end in "/", or be empty for the whole namespace`);
  }
  if (place.case === "path" && !isPrefix(place.value)) return place.value;
  const message =
    place.case === "path"
      ? 'path is empty or ends in "/"; name one file, or send prefix'
      : "prefix and path are missing; say below which prefix, or at which path, the token uploads";
  throw invalidArgument(place.case ?? "prefix", message);
}
