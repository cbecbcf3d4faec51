import type { Caller } from "../../domain/caller.ts";
import { parseUuid } from "../../domain/command-identity.ts";
import { invalidArgument } from "../../domain/errors.ts";
import { toLifetimeSeconds } from "../../domain/files/download-lifetime.ts";
import { partAlreadyDurable } from "../../domain/repository-refusals.ts";
import { requireResident } from "../../domain/residency.ts";
import { beginMultipart } from "./multipart-upload.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/** Parts of one request: the answer has a URL of about half a KiB for each. */
const PARTS_MAX = 100;
/** Life of a URL where the caller names none, in milliseconds; the namespace's longest one where that is less. */
const LIFETIME_MS = 15 * 60_000;

/** A part whose bytes the caller will put to a URL. */
export interface PartToSign {
  /** From 1. */
  partNumber: number;
  sizeBytes: number;
  /** CRC32 of the part's bytes; required, undefined is refused. */
  crc32: number | undefined;
}

/** Which parts of which upload. */
export interface SignPartsRequest {
  namespace: string;
  uploadId: string;
  parts: readonly PartToSign[];
  /** Whole seconds, in milliseconds, at most the namespace's `partUrlLifetimeMaxMs`; 15 minutes, or that, when undefined. */
  lifetimeMs?: number | undefined;
}

/** Where to put a part. */
export interface SignedPart {
  partNumber: number;
  /** Undefined: the part is durable already, with these bytes. */
  url: string | undefined;
  /** Headers to send with the bytes, as they are. */
  headers: Readonly<Record<string, string>>;
}

/**
 * Signs URLs that take whole parts straight to S3, each for exactly the bytes that the caller declares. A part that was put
 * counts once `adopt-parts.ts` has found it. A part can be signed again at any time: its newest writer counts, whatever the
 * transport. Errors: `invalid_argument`, as of `assertSignable` and with the field, `failed_precondition /
 * UPLOAD_NOT_OPEN` and `RESIDENCY_VIOLATION`, `aborted / CHECKSUM_MISMATCH` for a part that is durable with other bytes.
 */
export async function signParts(
  access: UploadAccess<"writers">,
  request: SignPartsRequest,
  _options: { caller: Caller },
): Promise<{ parts: SignedPart[]; expireTime: Date }> {
  const namespace = requireResident(access, request.namespace);
  const uploadId = parseUuid(request.uploadId, "upload_id");
  const lifetimeMs = parseLifetime(request.lifetimeMs, namespace.partUrlLifetimeMaxMs);
  const parts = parseParts(request.parts, access.limits.partsMax);
  const { instance, limits, uploads, objects } = access;
  const { upload, durable, signTime } = await withDatabase(access, () =>
    uploads.writers.claimPresigned(namespace.name, uploadId, parts, {
      instance,
      lifetimeMs,
      expireAfterMs: limits.expireAfterMs,
    }),
  );
  const known = new Map(durable.map((part) => [part.partNumber, part]));
  for (const { partNumber, lengthBytes, crc32 } of parts) {
    const part = known.get(partNumber);
    const isOther = part !== undefined && (part.crc32 !== crc32 || part.lengthBytes !== lengthBytes);
    if (isOther) throw partAlreadyDurable(uploadId, partNumber);
  }
  // SigV4 counts from a whole second of S3's clock, at or after this one of the database's.
  const expireTime = new Date(Math.floor(signTime.getTime() / 1000) * 1000 + lifetimeMs);
  if (known.size === parts.length) {
    return { parts: parts.map(({ partNumber }) => ({ partNumber, url: undefined, headers: {} })), expireTime };
  }
  const target = { bucket: upload.bucket, key: upload.s3Key, multipartId: await beginMultipart(access, upload) };
  const signed = parts.map(async ({ partNumber, lengthBytes, crc32 }): Promise<SignedPart> => {
    if (known.has(partNumber)) return { partNumber, url: undefined, headers: {} };
    const options = { lengthBytes, crc32, lifetimeMs };
    return { partNumber, ...(await objects.presignPart({ ...target, partNumber }, options)) };
  });
  return { parts: await Promise.all(signed), expireTime };
}

/** Refuses parts that are wrong for any upload. */
function parseParts(
  parts: readonly PartToSign[],
  partNumberMax: number,
): { partNumber: number; lengthBytes: number; crc32: number }[] {
  if (parts.length < 1 || parts.length > PARTS_MAX) {
    throw invalidArgument("parts", `${parts.length} parts are named; name 1 to ${PARTS_MAX}`, {
      details: { parts: parts.length, parts_max: PARTS_MAX },
    });
  }
  const seen = new Set<number>();
  return parts.map(({ partNumber, sizeBytes, crc32 }) => {
    if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > partNumberMax) {
      throw invalidArgument("parts.part_number", `part_number is ${partNumber}; give 1 to ${partNumberMax}`, {
        details: { part_number: partNumber, part_number_max: partNumberMax },
      });
    }
    if (seen.has(partNumber)) {
      throw invalidArgument("parts.part_number", `part ${partNumber} is named twice; name each part once`, {
        details: { part_number: partNumber },
      });
    }
    seen.add(partNumber);
    if (crc32 === undefined) {
      throw invalidArgument("parts.crc32", `crc32 of part ${partNumber} is missing; send the CRC32 of its bytes`, {
        details: { part_number: partNumber },
      });
    }
    return { partNumber, lengthBytes: sizeBytes, crc32 };
  });
}

function parseLifetime(named: number | undefined, lifetimeMaxMs: number): number {
  const lifetimeMs = named ?? Math.min(LIFETIME_MS, lifetimeMaxMs);
  if (toLifetimeSeconds(lifetimeMs) !== undefined && lifetimeMs <= lifetimeMaxMs) return lifetimeMs;
  const bound = `send whole seconds from 1 to ${lifetimeMaxMs / 1000}`;
  throw invalidArgument("lifetime", `lifetime is ${lifetimeMs / 1000} s; ${bound}`, {
    details: { lifetime_ms: lifetimeMs, lifetime_ms_max: lifetimeMaxMs },
  });
}
