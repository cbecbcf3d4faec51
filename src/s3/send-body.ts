import type { Readable } from "node:stream";
import { PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import type { PartTarget, PutTarget } from "../domain/object-store.ts";
import type { S3Access } from "./access.ts";
import { unquote } from "./head-object.ts";
import type { SendBody } from "./kept-body.ts";
import type { StreamedBody } from "./streamed-body.ts";

/** Sends a body as one part of a multipart upload. */
export function sendPart(access: S3Access, target: PartTarget): SendBody {
  return async (body, signal) => {
    const command = new UploadPartCommand({
      Bucket: target.bucket,
      Key: target.key,
      UploadId: target.multipartId,
      PartNumber: target.partNumber,
      Body: toSdkBody(body),
    });
    const answer = await access.breakers("body", () => access.client.send(command, { abortSignal: signal }));
    return { key: target.key, etag: requireEtag(answer.ETag), versionId: "" };
  };
}

/** Sends a body as a whole object, under a fresh key each time: a stalled earlier attempt can never replace it. */
export function sendPut(access: S3Access, target: PutTarget): SendBody {
  return async (body, signal) => {
    const key = await target.beginAttempt();
    const command = new PutObjectCommand({
      Bucket: target.bucket,
      Key: key,
      ContentType: target.contentType,
      ServerSideEncryption: "AES256",
      Body: toSdkBody(body),
    });
    const answer = await access.breakers("body", () => access.client.send(command, { abortSignal: signal }));
    return { key, etag: requireEtag(answer.ETag), versionId: answer.VersionId ?? "" };
  };
}

/** The SDK passes a body it does not know through to the request handler, where ours is at home. */
function toSdkBody(body: StreamedBody): Readable {
  return body as unknown as Readable;
}

function requireEtag(etag: string | undefined): string {
  if (etag === undefined) throw new Error("S3 acknowledged a body without an ETag");
  return unquote(etag);
}
