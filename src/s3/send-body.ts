import { DomainError, type ErrorReason } from "../domain/errors.ts";
import type { PartTarget, PutTarget } from "../domain/object-store.ts";
import type { S3Access } from "./access.ts";
import type { EnterSlot, SendBody } from "./body-attempt.ts";
import { toDomainError } from "./errors.ts";
import { provePart, provePut, type SentBytes } from "./stored-checksum.ts";
import type { StreamedBody } from "./streamed-body.ts";

/** Waits for a body's slot in the turn of its upload's principal. */
export function enterBodySlot(access: S3Access, { principal = "" }: { principal?: string }): EnterSlot {
  return (signal) => access.slots.body.enter(principal, { signal });
}

const LASTING: ReadonlySet<ErrorReason> = new Set(["STORAGE_FULL", "STORAGE_UNABLE"]);

/** Sends a body as one part of a multipart upload; settles when storage has proven that it has it. */
export function sendPart(access: S3Access, part: PartTarget): SendBody {
  const { bucket, key, multipartId, partNumber } = part;
  const target = { bucket, key, query: { partNumber: String(partNumber), uploadId: multipartId }, headers: {} };
  return watched(access, async (body, signal) => {
    const answer = await access.breakers("body", () => access.bodies.put(target, body, signal));
    await provePart(access, part, { answer, sent: toSent(body), signal });
    return { key, etag: answer.etag, versionId: "" };
  });
}

/** The same as a whole object, under a fresh key each time: a stalled earlier attempt can never replace it. */
export function sendPut(access: S3Access, { bucket, contentType, beginAttempt }: PutTarget): SendBody {
  const headers = { "content-type": contentType, "x-amz-server-side-encryption": "AES256" };
  return watched(access, async (body, signal) => {
    const key = await beginAttempt();
    const target = { bucket, key, query: {}, headers };
    const answer = await access.breakers("body", () => access.bodies.put(target, body, signal));
    await provePut(access, { bucket, key }, { answer, sent: toSent(body), signal });
    return { key, etag: answer.etag, versionId: answer.versionId };
  });
}

/** Tells the watcher whether storage takes bodies at all; what else may fail says nothing of that. */
function watched({ watcher }: S3Access, send: SendBody): SendBody {
  if (watcher === undefined) return send;
  return async (body, signal) => {
    try {
      const ack = await send(body, signal);
      watcher.onWrite(undefined);
      return ack;
    } catch (error) {
      const problem = toDomainError(error, "the last write");
      const isLasting = problem instanceof DomainError && LASTING.has(problem.reason);
      if (isLasting) watcher.onWrite(problem);
      throw error;
    }
  };
}

/** A body that S3 has answered was ended before: its CRC32 is known. */
function toSent({ decodedLengthBytes, crc32 }: StreamedBody): SentBytes {
  return { sizeBytes: decodedLengthBytes, crc32: crc32 as number };
}
