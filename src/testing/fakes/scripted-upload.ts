import type { MessageInitShape } from "@bufbuild/protobuf";
import { type UploadSchema, UploadState } from "../../../gen/sluice/v1/upload_service_pb.ts";

/** An upload as the scripted server keeps it: in memory, a part durable as soon as it is whole. */
export interface ScriptedUpload {
  uploadId: string;
  requestId: string;
  /** The parts from byte 0 on, without gap. */
  durable: Buffer[];
  /** The parts beyond them, by their offset. */
  beyond: Map<number, Buffer>;
  sizeBytes: bigint | undefined;
  committed: boolean;
}

/** Bytes of all parts together. */
export const sum = (buffers: readonly Buffer[]) => buffers.reduce((bytes, buffer) => bytes + buffer.length, 0);

/** Makes a part durable; parts that no longer have a gap before them join the bytes from 0. */
export function keepPart(upload: ScriptedUpload, offset: number, part: Buffer): void {
  upload.beyond.set(offset, part);
  for (;;) {
    const end = sum(upload.durable);
    const next = upload.beyond.get(end);
    if (next === undefined) return;
    upload.beyond.delete(end);
    upload.durable.push(next);
  }
}

/** The durable bytes that begin at `begin` and have no gap, up to `end`. */
export function durableFrom(upload: ScriptedUpload, begin: number, end?: number): Buffer {
  const found: Buffer[] = [Buffer.concat(upload.durable).subarray(begin, end)];
  for (let at = begin + sum(found); end === undefined || at < end; at = begin + sum(found)) {
    const next = upload.beyond.get(at);
    if (next === undefined) break;
    found.push(next);
  }
  return Buffer.concat(found);
}

/** The durable bytes as ranges, ascending and disjoint. */
export function toRanges(upload: ScriptedUpload) {
  const pieces = [[0, sum(upload.durable)], ...[...upload.beyond].map(([offset, { length }]) => [offset, length])];
  return pieces
    .map(([offset = 0, length = 0]) => ({ offset: BigInt(offset), sizeBytes: BigInt(length) }))
    .filter(({ sizeBytes }) => sizeBytes > 0n)
    .sort((a, b) => Number(a.offset - b.offset));
}

/** As GetUpload tells it. */
export function toUpload(upload: ScriptedUpload, partSizeBytes: number): MessageInitShape<typeof UploadSchema> {
  return {
    uploadId: upload.uploadId,
    state: upload.committed ? UploadState.COMMITTED : UploadState.OPEN,
    ...(upload.sizeBytes !== undefined && { sizeBytes: upload.sizeBytes }),
    partSizeBytes: BigInt(partSizeBytes),
    durableRanges: toRanges(upload),
    durableOffset: BigInt(sum(upload.durable)),
  };
}
