import { beginMultipart, explainLost, isLost } from "../commands/uploads/multipart-upload.ts";
import { withDatabase } from "../commands/uploads/upload-access.ts";
import type { Caller } from "../domain/caller.ts";
import { parseUuid } from "../domain/command-identity.ts";
import { formatCrc32, crc32 as sumCrc32 } from "../domain/crc32.ts";
import { DomainError, invalidArgument } from "../domain/errors.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import { partAlreadyDurable } from "../domain/repository-refusals.ts";
import { requireResident } from "../domain/residency.ts";
import { UNARY_PART_MAX_BYTES } from "../domain/uploads/part-plan.ts";
import type { ByteRange, Upload } from "../domain/uploads/upload.ts";
import type { TransferAccess } from "./transfer-access.ts";
import { TransferMeter } from "./transfer-meter.ts";

/** One whole part of an upload. */
export interface WritePartRequest {
  namespace: string;
  uploadId: string;
  /** From 1. */
  partNumber: number;
  /** Of `bytes`; required, undefined is refused. */
  crc32: number | undefined;
  /** Kept by reference until S3 has them. */
  bytes: Uint8Array;
}

/** A part that is durable. */
export interface PartWritten {
  range: ByteRange;
  crc32: number;
  /** It was durable before this call, with the same bytes. */
  wasDurable: boolean;
}

/**
 * Writes one part, without any state between calls: in any order, in parallel, beside streams of other lanes. A durable part
 * is never replaced: the same bytes again are fine, and other bytes are `aborted / CHECKSUM_MISMATCH`, as are bytes that do
 * not match `crc32`. Other errors: `invalid_argument`, as of `assertUnaryPart` and with the field,
 * `failed_precondition / UPLOAD_NOT_OPEN` and `RESIDENCY_VIOLATION`, `aborted / WRITER_FENCED` once another writer of the part has begun.
 */
export async function writePart(
  access: TransferAccess,
  request: WritePartRequest,
  _options: { caller: Caller },
): Promise<PartWritten> {
  const namespace = requireResident(access, request.namespace);
  const uploadId = parseUuid(request.uploadId, "upload_id");
  const { partNumber, bytes } = request;
  const crc32 = assertPart(request, { namespace, partsMax: access.limits.partsMax });
  const { instance, limits, uploads } = access;
  const { length: lengthBytes } = bytes;
  const meter = new TransferMeter(namespace.name, { takenBytes: 0, durableBytes: 0 });
  meter.note({ takenBytes: lengthBytes, durableBytes: 0 });
  const granted = await withDatabase(access, () =>
    uploads.writers.beginPart(
      namespace.name,
      uploadId,
      { partNumber, lengthBytes },
      { instance, expireAfterMs: limits.expireAfterMs },
    ),
  );
  const range = { offset: (partNumber - 1) * granted.upload.partSizeBytes, sizeBytes: lengthBytes };
  if (granted.kind === "durable") {
    const { part } = granted;
    if (part.crc32 !== crc32 || part.lengthBytes !== lengthBytes) throw partAlreadyDurable(uploadId, partNumber);
    return { range, crc32, wasDurable: true };
  }
  const { upload, epoch } = granted;
  const etag = await sendPart(access, { upload, epoch, partNumber, crc32, bytes });
  const part = { partNumber, lengthBytes, crc32, etag };
  await withDatabase(access, () => uploads.writers.recordParts(uploadId, epoch, [part], { isLast: true }));
  meter.note({ takenBytes: lengthBytes, durableBytes: lengthBytes });
  return { range, crc32, wasDurable: false };
}

async function sendPart(
  access: TransferAccess,
  part: { upload: Upload; epoch: number; partNumber: number; crc32: number; bytes: Uint8Array },
): Promise<string> {
  const { upload, epoch, partNumber, crc32, bytes } = part;
  const { bucket, s3Key: key, uploadId, principal } = upload;
  const multipartId = await beginMultipart(access, upload);
  try {
    const body = access.objects.beginPart({ bucket, key, multipartId, partNumber, principal }, bytes.length);
    body.write(bytes);
    body.end(crc32);
    return (await body.done).etag;
  } catch (error) {
    throw isLost(error) ? await explainLost(access, { uploadId, epoch, partNumber }, error) : error;
  }
}

/** Refuses a part that would be wrong in any upload; returns its CRC32. */
function assertPart(
  { partNumber, crc32, bytes }: WritePartRequest,
  { namespace, partsMax }: { namespace: Namespace; partsMax: number },
): number {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > partsMax) {
    throw invalidArgument("part_number", `part_number is ${partNumber}; give 1 to ${partsMax}`, {
      details: { part_number: partNumber, part_number_max: partsMax },
    });
  }
  if (crc32 === undefined) throw invalidArgument("crc32", "crc32 is missing; send the CRC32 of data");
  const { length: dataBytes } = bytes;
  if (dataBytes > UNARY_PART_MAX_BYTES) {
    const message = `data has ${dataBytes} bytes; the limit is ${UNARY_PART_MAX_BYTES}, larger parts go by WriteUpload or SignParts`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_LIMIT",
      field: "data",
      details: { data_bytes: dataBytes, data_bytes_max: UNARY_PART_MAX_BYTES },
    });
  }
  // This is never true of an upload of declared size: its size was checked at its creation, and no part goes beyond it.
  if (partNumber * dataBytes > namespace.fileSizeMaxBytes) {
    const message = `the part ends at byte ${partNumber * dataBytes}; the limit of namespace ${namespace.name} is ${namespace.fileSizeMaxBytes} bytes`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_LIMIT",
      field: "data",
      details: { end_offset: partNumber * dataBytes, size_bytes_max: namespace.fileSizeMaxBytes },
    });
  }
  const actual = sumCrc32(bytes);
  if (actual === crc32) return crc32;
  const message = `part ${partNumber} (${dataBytes} bytes) has CRC32 ${formatCrc32(actual)}; its crc32 says ${formatCrc32(crc32)}`;
  throw new DomainError("aborted", message, {
    reason: "CHECKSUM_MISMATCH",
    field: "crc32",
    details: { part_number: partNumber, crc32: formatCrc32(actual), expected_crc32: formatCrc32(crc32) },
  });
}
