import { DomainError } from "../domain/errors.ts";
import type { Upload } from "../domain/uploads/upload.ts";

/** The head of a chunk, which comes before its bytes. */
export interface ChunkHeader {
  offset: number;
  lengthBytes: number;
  /** The caller's CRC32 of the chunk's bytes, if it sent one. */
  crc32: number | undefined;
}

/** The limits that a chunk has to keep. */
export interface ChunkBounds {
  upload: Upload;
  /** Where the last chunk ended; undefined before the first. */
  nextOffset: number | undefined;
  /** Where the writer's range begins. */
  startOffset: number;
  /** Where its lane ends; undefined without one. */
  laneEndOffset: number | undefined;
  /** End of the durable bytes from `startOffset`. */
  durableOffset: number;
  chunkSizeMaxBytes: number;
  fileSizeMaxBytes: number;
  /** Whether `fileSizeMaxBytes` follows from the most parts, and not from the limit of the namespace or the upload. */
  isLimitedByParts: boolean;
}

/** Refuses a chunk that does not belong here, before any of its bytes is taken. */
export function assertChunkFits(chunk: ChunkHeader, bounds: ChunkBounds): void {
  const { chunkSizeMaxBytes, fileSizeMaxBytes, upload } = bounds;
  if (chunk.lengthBytes > chunkSizeMaxBytes) {
    throw new DomainError(
      "invalid_argument",
      `chunk has ${chunk.lengthBytes} bytes; the limit is ${chunkSizeMaxBytes}`,
      {
        reason: "CHUNK_TOO_LARGE",
        field: "chunk.data",
        details: { chunk_bytes: chunk.lengthBytes, chunk_bytes_max: chunkSizeMaxBytes },
      },
    );
  }
  if (!isOffsetAllowed(chunk, bounds)) throw toOffsetError(chunk, bounds);
  const end = chunk.offset + chunk.lengthBytes;
  const { laneEndOffset = end } = bounds;
  if (end > laneEndOffset) {
    const message = `chunk ends at byte ${end}; the lane ends at ${laneEndOffset}`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_MISMATCH",
      field: "chunk.data",
      details: { end_offset: end, lane_end_offset: laneEndOffset },
    });
  }
  if (upload.sizeBytes !== undefined && end > upload.sizeBytes) {
    const message = `chunk ends at byte ${end}; the upload declared ${upload.sizeBytes} bytes`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_MISMATCH",
      field: "chunk.data",
      details: { end_offset: end, size_bytes: upload.sizeBytes },
    });
  }
  if (end > fileSizeMaxBytes) {
    const remedy = bounds.isLimitedByParts ? "; for more, declare size_bytes, or size_hint_bytes, at its creation" : "";
    const message = `chunk ends at byte ${end}; this upload takes at most ${fileSizeMaxBytes} bytes${remedy}`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_LIMIT",
      field: "chunk.data",
      details: { end_offset: end, size_bytes_max: fileSizeMaxBytes },
    });
  }
}

/** The first chunk begins at the durable offset or where an earlier part begins; every other begins where the last one ended. */
function isOffsetAllowed(
  { offset }: ChunkHeader,
  { nextOffset, startOffset, durableOffset, upload }: ChunkBounds,
): boolean {
  if (nextOffset !== undefined) return offset === nextOffset;
  if (offset === durableOffset) return true;
  return offset >= startOffset && offset < durableOffset && offset % upload.partSizeBytes === 0;
}

function toOffsetError({ offset }: ChunkHeader, bounds: ChunkBounds): DomainError {
  const { nextOffset, startOffset, durableOffset, upload } = bounds;
  const expected = nextOffset ?? durableOffset;
  const what =
    offset > expected
      ? "leaves a gap"
      : offset < 0
        ? "is negative"
        : offset < startOffset
          ? "lies before the lane"
          : "overlaps bytes already sent";
  const earlier = ` or at an earlier multiple of ${upload.partSizeBytes}${startOffset > 0 ? ` from ${startOffset}` : ""}`;
  const wanted =
    nextOffset === undefined ? `begin at ${expected}${expected > startOffset ? earlier : ""}` : `go on at ${expected}`;
  return new DomainError("invalid_argument", `chunk at offset ${offset} ${what}; ${wanted}`, {
    reason: "OFFSET_MISMATCH",
    field: "chunk.offset",
    details: { offset, expected_offset: expected },
  });
}
