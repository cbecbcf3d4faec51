import type { PartTarget, PutTarget } from "../domain/object-store.ts";
import type { S3Access } from "./access.ts";
import type { EnterSlot, SendBody } from "./body-attempt.ts";

/** Waits for a body's slot in the turn of its upload's principal. */
export function enterBodySlot(access: S3Access, { principal = "" }: { principal?: string }): EnterSlot {
  return (signal) => access.slots.body.enter(principal, { signal });
}

/** Sends a body as one part of a multipart upload. */
export function sendPart(access: S3Access, { bucket, key, multipartId, partNumber }: PartTarget): SendBody {
  const target = { bucket, key, query: { partNumber: String(partNumber), uploadId: multipartId }, headers: {} };
  return async (body, signal) => {
    const { etag } = await access.breakers("body", () => access.bodies.put(target, body, signal));
    return { key, etag, versionId: "" };
  };
}

/** Sends a body as a whole object, under a fresh key each time: a stalled earlier attempt can never replace it. */
export function sendPut(access: S3Access, { bucket, contentType, beginAttempt }: PutTarget): SendBody {
  const headers = { "content-type": contentType, "x-amz-server-side-encryption": "AES256" };
  return async (body, signal) => {
    const key = await beginAttempt();
    const target = { bucket, key, query: {}, headers };
    const { etag, versionId } = await access.breakers("body", () => access.bodies.put(target, body, signal));
    return { key, etag, versionId };
  };
}
