import {
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import type { LogStore } from "../domain/log/log-store.ts";
import { retryS3, type S3Access, sendOnce, toAskedAlgorithm } from "./access.ts";
import { toDomainError, toS3Answer, toS3Failure } from "./errors.ts";
import { unquote } from "./head-object.ts";

/** Where a log lies, and for how long it is kept. */
export interface LogPlace {
  bucket: string;
  /** "" or a folder with a slash at its end. */
  prefix: string;
  /** How long what is locked can neither be removed nor written over, in milliseconds. */
  lockMs: number;
  now: () => Date;
}

/** Statuses by which a server says that it has no Object Lock. */
const NO_LOCK: ReadonlySet<number> = new Set([404, 405, 501]);

/**
 * LogStore in a bucket, by conditional writes (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). Where the
 * bucket has Object Lock, what is locked is so in governance mode: whoever may bypass it is the operator's decision, and the log itself
 * shows what was changed.
 */
export function createLogStore(access: S3Access, place: LogPlace): LogStore {
  const { bucket, prefix } = place;
  let lockable: Promise<boolean> | undefined;
  const hasLock = async () => {
    lockable ??= readHasLock(access, bucket);
    return await lockable.catch((error) => {
      lockable = undefined;
      throw error;
    });
  };
  const put = async (path: string, bytes: Uint8Array, others: Partial<PutObjectCommandInput>) =>
    await putIf(access, {
      Bucket: bucket,
      Key: prefix + path,
      Body: bytes,
      // S3 takes no lock without a checksum.
      ChecksumAlgorithm: "CRC32",
      ServerSideEncryption: toAskedAlgorithm(access),
      ...others,
    });
  return {
    async read(path, { signal } = {}) {
      const command = new GetObjectCommand({ Bucket: bucket, Key: prefix + path });
      try {
        // The slot is kept until the last byte is there: objects of a log are small.
        const get = async () => {
          const { Body: body, ETag: etag = "" } = await access.client.send(command);
          return { bytes: (await body?.transformToByteArray()) ?? new Uint8Array(), etag: unquote(etag) };
        };
        return await retryS3(access, () => sendOnce(access, "control", get, { signal }), { signal });
      } catch (error) {
        if (toS3Failure(error) === "not-found") return undefined;
        throw toDomainError(error, `reading ${path} of the audit log`);
      }
    },
    async create(path, bytes, { isLocked }) {
      const lock =
        isLocked && (await hasLock())
          ? {
              ObjectLockMode: "GOVERNANCE" as const,
              ObjectLockRetainUntilDate: new Date(place.now().getTime() + place.lockMs),
            }
          : {};
      const content = { ContentType: "application/octet-stream", CacheControl: "max-age=31536000, immutable" };
      return (await put(path, bytes, { ...content, ...lock, IfNoneMatch: "*" })) !== undefined;
    },
    replace: (path, bytes, etag) =>
      put(path, bytes, {
        ContentType: "text/plain; charset=utf-8",
        CacheControl: "no-cache",
        ...(etag === undefined ? { IfNoneMatch: "*" } : { IfMatch: etag }),
      }),
  };
}

/** The ETag of what was written; undefined when the condition did not hold. */
async function putIf(access: S3Access, input: PutObjectCommandInput): Promise<string | undefined> {
  const send = () => access.client.send(new PutObjectCommand(input));
  try {
    const { ETag: etag = "" } = await retryS3(access, () => sendOnce(access, "control", send));
    return unquote(etag);
  } catch (error) {
    if (toS3Answer(error)?.status === 412 || (input.IfMatch !== undefined && toS3Failure(error) === "not-found"))
      return undefined;
    throw toDomainError(error, `writing ${input.Key} of the audit log`);
  }
}

async function readHasLock(access: S3Access, bucket: string): Promise<boolean> {
  const send = () => access.client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }));
  try {
    const { ObjectLockConfiguration: lock } = await retryS3(access, () => sendOnce(access, "control", send));
    return lock?.ObjectLockEnabled === "Enabled";
  } catch (error) {
    if (NO_LOCK.has(toS3Answer(error)?.status ?? 0) && (error as Error).name !== "NoSuchBucket") return false;
    throw toDomainError(error, `asking bucket ${bucket} for its Object Lock`);
  }
}
