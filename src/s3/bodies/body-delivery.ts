import { DomainError, type ErrorReason } from "../../domain/errors.ts";
import type { PartTarget, PutTarget } from "../../domain/object-store.ts";
import { type S3Access, toAskedAlgorithm } from "../access.ts";
import { toDomainError } from "../errors.ts";
import type { StreamedBody } from "../requests/streamed-body.ts";
import { provePart, provePut, type SentBytes } from "../stored-checksum.ts";
import type { BodyDelivery } from "./body-attempt.ts";

/** Errors that last until the operator mends them, and that every body would meet. */
const LASTING: ReadonlySet<ErrorReason> = new Set(["STORAGE_FULL", "STORAGE_UNABLE"]);

/** Delivers a body as one part of a multipart upload. */
export function toPartDelivery(access: S3Access, part: PartTarget): BodyDelivery {
  const { bucket, key, multipartId, partNumber } = part;
  const target = { bucket, key, query: { partNumber: String(partNumber), uploadId: multipartId }, headers: {} };
  return toDelivery(access, part, {
    what: `part ${partNumber}`,
    send: async (body, signal) => {
      const answer = await access.breakers("body", () => access.bodies.put(target, body, signal));
      await provePart(access, part, { answer, sent: toSent(body), signal });
      return { key, etag: answer.etag, versionId: "" };
    },
  });
}

/** Delivers a body as a whole object, under a fresh key each time: a stalled earlier attempt can never replace it. */
export function toPutDelivery(access: S3Access, put: PutTarget): BodyDelivery {
  const { bucket, contentType, beginAttempt } = put;
  const algorithm = toAskedAlgorithm(access);
  const headers = {
    "content-type": contentType,
    ...(algorithm !== undefined && { "x-amz-server-side-encryption": algorithm }),
  };
  return toDelivery(access, put, {
    what: "the file's bytes",
    send: async (body, signal) => {
      const key = await beginAttempt();
      const target = { bucket, key, query: {}, headers };
      const answer = await access.breakers("body", () => access.bodies.put(target, body, signal));
      await provePut(access, { bucket, key }, { answer, sent: toSent(body), signal });
      return { key, etag: answer.etag, versionId: answer.versionId };
    },
  });
}

/** Waits for the slot in the turn of the upload's principal, and tells the watcher whether storage takes bodies. */
function toDelivery(
  { slots, watcher }: S3Access,
  { principal = "" }: { principal?: string },
  { what, send }: BodyDelivery,
): BodyDelivery {
  return {
    what,
    enter: (signal) => slots.body.enter(principal, { signal }),
    send: async (body, signal) => {
      try {
        const ack = await send(body, signal);
        watcher?.onWrite(undefined);
        return ack;
      } catch (error) {
        const problem = toDomainError(error, "the last write");
        if (problem instanceof DomainError && LASTING.has(problem.reason)) watcher?.onWrite(problem);
        throw error;
      }
    },
  };
}

/** A body that S3 has answered was ended before: its CRC32 is known. */
function toSent({ decodedLengthBytes, crc32 }: StreamedBody): SentBytes {
  return { sizeBytes: decodedLengthBytes, crc32: crc32 as number };
}
