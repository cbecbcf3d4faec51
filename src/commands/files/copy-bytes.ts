import { DomainError } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { combineParts, type DurablePart, type Upload } from "../../domain/uploads/upload.ts";
import { beginMultipart, explainLost, isLost } from "../uploads/multipart-upload.ts";
import { type UploadAccess, withDatabase } from "../uploads/upload-access.ts";
import type { WrittenBytes } from "../uploads/written-bytes.ts";

/** The writer that copies, and what is durable of the upload already; ascending by number. */
interface CopyWriter {
  upload: Upload;
  epoch: number;
  parts: readonly DurablePart[];
}

interface CopyOptions {
  source: File;
  partsInFlightMax: number;
  /** Parts that are copied by one call. */
  partsPerStepMax: number;
}

/**
 * Copies the bytes of a file into an upload of the same size, within storage: whole where the upload has one part,
 * otherwise in parts, `partsInFlightMax` at a time, without the parts that are durable already. Each part is claimed before
 * it is copied, and recorded before the next; when one fails the others settle first. Where more than `partsPerStepMax` parts are missing
 * it resolves to what is durable by then. `aborted / CHECKSUM_MISMATCH` when
 * the parts' CRC32s do not make the file's; `WRITER_FENCED` when a newer call copies the same; otherwise errors as of
 * ObjectStore.
 */
export async function copyBytes(
  access: UploadAccess<"writers">,
  writer: CopyWriter,
  options: CopyOptions,
): Promise<WrittenBytes> {
  const { sizeBytes, crc32, sha256 } = options.source;
  if (sizeBytes <= writer.upload.partSizeBytes) return await copyWhole(access, writer, options.source);
  const parts = await copyParts(access, writer, options);
  const copiedBytes = parts.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  if (copiedBytes < sizeBytes)
    return { sizeBytes: copiedBytes, crc32: combineParts(parts), parts, put: undefined, sha256 };
  if (combineParts(parts) !== crc32) {
    throw new DomainError("aborted", "the parts that storage copied have another CRC32 than the file; copy it anew", {
      reason: "CHECKSUM_MISMATCH",
      details: { crc32: combineParts(parts), expected_crc32: crc32 },
    });
  }
  return { sizeBytes, crc32, parts, put: undefined, sha256 };
}

function toCopySource({ bucket, s3Key, s3VersionId }: File) {
  return { bucket, key: s3Key, versionId: s3VersionId };
}

async function copyWhole(
  access: UploadAccess<"writers">,
  { upload, epoch }: CopyWriter,
  source: File,
): Promise<WrittenBytes> {
  const { bucket, contentType, s3Key, uploadId } = upload;
  const { sizeBytes, crc32, sha256 } = source;
  const beginAttempt = async () =>
    `${s3Key}.${await withDatabase(access, () => access.uploads.writers.beginPutAttempt(uploadId, epoch))}`;
  const target = { bucket, contentType, beginAttempt };
  const ack = await access.objects.copyObject(toCopySource(source), target, { sizeBytes, crc32 });
  return { sizeBytes, crc32, parts: [], put: { ...ack, sizeBytes, crc32 }, sha256 };
}

async function copyParts(
  access: UploadAccess<"writers">,
  writer: CopyWriter,
  { source, partsInFlightMax, partsPerStepMax }: CopyOptions,
): Promise<DurablePart[]> {
  const { upload } = writer;
  const durable = new Map(writer.parts.map((part) => [part.partNumber, part]));
  const count = Math.ceil(source.sizeBytes / upload.partSizeBytes);
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !durable.has(number));
  const multipartId = missing.length === 0 ? "" : await beginMultipart(access, upload);
  const numbers = missing.slice(0, partsPerStepMax).values();
  let failure: { error: unknown } | undefined;
  const work = async () => {
    // All workers take part numbers from one iterator, until one of them fails.
    for (const partNumber of numbers) {
      try {
        durable.set(partNumber, await copyPart(access, writer, { source, multipartId, partNumber }));
      } catch (error) {
        failure ??= { error };
      }
      if (failure !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: partsInFlightMax }, work));
  if (failure !== undefined) throw failure.error;
  return [...durable.values()].sort((a, b) => a.partNumber - b.partNumber);
}

async function copyPart(
  access: UploadAccess<"writers">,
  { upload, epoch }: CopyWriter,
  options: { source: File; multipartId: string; partNumber: number },
): Promise<DurablePart> {
  const { source, multipartId, partNumber } = options;
  const { bucket, s3Key: key, uploadId, partSizeBytes } = upload;
  const { uploads, objects } = access;
  const offset = (partNumber - 1) * partSizeBytes;
  const lengthBytes = Math.min(partSizeBytes, source.sizeBytes - offset);
  await withDatabase(access, () => uploads.writers.claimParts(uploadId, epoch, { first: partNumber, count: 1 }));
  const target = { bucket, key, multipartId, partNumber };
  try {
    const copied = await objects.copyPart(toCopySource(source), target, { offset, sizeBytes: lengthBytes });
    const part = { partNumber, lengthBytes, ...copied };
    await withDatabase(access, () => uploads.writers.recordParts(uploadId, epoch, [part]));
    return part;
  } catch (error) {
    throw isLost(error) ? await explainLost(access, { uploadId, epoch, partNumber }, error) : error;
  }
}
