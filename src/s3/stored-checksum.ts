import type { Readable } from "node:stream";
import { GetObjectCommand, ListPartsCommand } from "@aws-sdk/client-s3";
import { crc32 } from "../domain/crc32.ts";
import type { ObjectHead, PartTarget } from "../domain/object-store.ts";
import { request, retryS3, type S3Access } from "./access.ts";
import { S3OtherBytesError, storageUnable, toDomainError } from "./errors.ts";
import { headObject } from "./head-object.ts";
import type { PutAnswer } from "./requests/body-requests.ts";
import { fromBase64Crc32 } from "./requests/streamed-body.ts";

/** The bytes that were sent as a part or an object. */
export interface SentBytes {
  sizeBytes: number;
  crc32: number;
}

interface Proof {
  answer: PutAnswer;
  sent: SentBytes;
  signal: AbortSignal;
}

/**
 * Resolves when storage has stated that it has the bytes of a part. This costs a comparison when its answer states their CRC32,
 * otherwise a ListParts. Rejects with S3OtherBytesError, with `unimplemented / STORAGE_UNABLE` when storage states none, and as
 * `ObjectStore.listParts`. With "read-back" a part of the right size counts, because the object that it becomes part of is read.
 */
export async function provePart(access: S3Access, target: PartTarget, { answer, sent, signal }: Proof): Promise<void> {
  if (answer.crc32 === sent.crc32) return;
  const stored = answer.crc32 === undefined ? await listPart(access, target, signal) : { ...sent, crc32: answer.crc32 };
  const isUnstated = stored?.sizeBytes === sent.sizeBytes && stored.crc32 === undefined;
  if (isUnstated && access.checksums === "stated") throw statesNone();
  if (!isUnstated) assertSame(access, stored, sent);
}

/** Proves a whole object that was put. When the answer states no CRC32, this costs a HEAD, and with "read-back" a GET. */
export async function provePut(
  access: S3Access,
  object: { bucket: string; key: string },
  { answer, sent, signal }: Proof,
): Promise<void> {
  if (answer.crc32 === sent.crc32) return;
  const { versionId } = answer;
  const stored =
    answer.crc32 === undefined
      ? await findStored(access, { ...object, versionId }, { sizeBytes: sent.sizeBytes, signal })
      : { ...sent, crc32: answer.crc32 };
  assertSame(access, stored, sent);
}

/**
 * An object with its CRC32; undefined when there is no such object. The CRC32 is computed from the bytes when storage states
 * none and "read-back" allows it. An object of another size than `sizeBytes` is not read. Rejects with `unimplemented /
 * STORAGE_UNABLE` when storage states none, and as `ObjectStore.head`.
 */
export async function findStored(
  access: S3Access,
  object: { bucket: string; key: string; versionId?: string },
  { sizeBytes, signal }: { sizeBytes: number; signal?: AbortSignal | undefined },
): Promise<ObjectHead | undefined> {
  const head = await headObject(access, { ...object, signal });
  if (head === undefined || head.crc32 !== undefined || head.sizeBytes !== sizeBytes) return head;
  if (access.checksums === "stated") throw statesNone();
  return { ...head, crc32: await readCrc32(access, object, { sizeBytes, signal }) };
}

/** When an object has another size than was sent, its server stored the frame of the body along with it, and always will. */
function assertSame(
  { body: { layout } }: S3Access,
  stored: { sizeBytes: number; crc32: number | undefined } | undefined,
  sent: SentBytes,
): void {
  if (stored?.crc32 === sent.crc32 && stored.sizeBytes === sent.sizeBytes) return;
  if (stored !== undefined && stored.sizeBytes > sent.sizeBytes && layout.form === "trailer") {
    throw storageUnable(
      `storage keeps ${stored.sizeBytes} bytes of the ${sent.sizeBytes} that were sent: it takes checksum trailers for content; set SLUICE_S3_TRAILERS=off`,
    );
  }
  throw new S3OtherBytesError(`storage has ${stored?.sizeBytes ?? "no"} bytes, of ${sent.sizeBytes} that were sent`);
}

function statesNone() {
  return storageUnable(
    "storage states no CRC32 of what it stores, so that nothing proves that it has the bytes; use a server that does, or set SLUICE_S3_CHECKSUMS=read-back, which reads each file back before its commit",
  );
}

async function listPart(access: S3Access, target: PartTarget, abortSignal: AbortSignal) {
  const { bucket, key, multipartId, partNumber } = target;
  const command = new ListPartsCommand({
    Bucket: bucket,
    Key: key,
    UploadId: multipartId,
    PartNumberMarker: String(partNumber - 1),
    MaxParts: 1,
  });
  const { Parts: parts = [] } = await request(access, {
    operation: "control",
    what: `looking at part ${partNumber}`,
    signal: abortSignal,
    send: () => access.client.send(command, { abortSignal }),
  });
  const part = parts.find(({ PartNumber }) => PartNumber === partNumber);
  return part && { sizeBytes: part.Size ?? 0, crc32: fromBase64Crc32(part.ChecksumCRC32) };
}

/** Reads an object's bytes. A stream that breaks off is opened again at the same offset, as often as any request is tried. */
async function readCrc32(
  access: S3Access,
  { bucket, key, versionId }: { bucket: string; key: string; versionId?: string },
  { sizeBytes, signal }: { sizeBytes: number; signal?: AbortSignal | undefined },
): Promise<number> {
  let offset = 0;
  let sum = 0;
  const readOn = async () => {
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      VersionId: versionId || undefined,
      Range: offset === 0 ? undefined : `bytes=${offset}-`,
    });
    const send = () => access.client.send(command, { ...(signal !== undefined && { abortSignal: signal }) });
    const { Body: body } = await access.breakers("read", send);
    for await (const bytes of body as Readable) {
      sum = crc32(bytes, sum);
      offset += bytes.length;
    }
    if (offset < sizeBytes) throw Object.assign(new Error("the object broke off"), { code: "ECONNRESET" });
  };
  try {
    await access.slots.read.run("", () => retryS3(access, readOn, { signal }), { signal });
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    throw toDomainError(error, "reading the file back");
  }
  return sum;
}
