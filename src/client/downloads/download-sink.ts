import { once } from "node:events";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import { crc32 } from "../../domain/crc32.ts";
import { SluiceError } from "../sluice-error.ts";

/** Size of the pieces in which an earlier part file is read, in bytes. */
const READ_SIZE_BYTES = 2 ** 20;

/** The place that bytes go to, and the bytes that it already has. */
export interface DownloadSink {
  offset: number;
  crc32: number;
  /** Whether `offset` was above 0 when the sink was opened: those bytes may be of another file. */
  continued: boolean;
  write(pieces: readonly Uint8Array[]): Promise<void>;
  /** Forgets all bytes and resolves with true; resolves with false when that is impossible. */
  restart(): Promise<boolean>;
  /** Called when the bytes are complete and verified. */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/** Writes to `<path>.part`, after the bytes already there with `resume`. Renames it to `path` when it is complete. */
export async function openFileSink(
  path: string,
  { sizeMaxBytes, resume }: { sizeMaxBytes: number; resume: boolean },
): Promise<DownloadSink> {
  const partPath = `${path}.part`;
  let handle: FileHandle;
  let crc = 0;
  let offset = 0;
  try {
    handle = await open(partPath, resume ? "a+" : "w+").then(async (touched) => {
      await touched.close();
      return await open(partPath, "r+"); // "a+" has created the file if needed; writing at offsets needs "r+"
    });
    offset = Number((await handle.stat()).size);
    if (offset > sizeMaxBytes) {
      await handle.truncate(0);
      offset = 0;
    }
    if (offset > 0)
      for await (const piece of createReadStream(partPath, { highWaterMark: READ_SIZE_BYTES })) crc = crc32(piece, crc);
  } catch (error) {
    throw unwritable(partPath, error);
  }
  const sink: DownloadSink = {
    offset,
    crc32: crc,
    continued: offset > 0,
    async write(pieces) {
      let at = sink.offset;
      // When the disk is nearly full, writev may write less than it was given; the rest is then written piece by piece.
      const { bytesWritten } = await handle.writev(pieces, at).catch((error) => {
        throw unwritable(partPath, error);
      });
      let skipBytes = bytesWritten;
      for (const piece of pieces) {
        if (skipBytes < piece.length) {
          await handle.write(piece, skipBytes, piece.length - skipBytes, at + skipBytes).catch((error) => {
            throw unwritable(partPath, error);
          });
        }
        skipBytes = Math.max(0, skipBytes - piece.length);
        at += piece.length;
      }
    },
    async restart() {
      await handle.truncate(0);
      Object.assign(sink, { offset: 0, crc32: 0, continued: false });
      return true;
    },
    async complete() {
      await rename(partPath, path).catch((error) => {
        throw unwritable(path, error);
      });
    },
    async close() {
      await handle.close();
      if (sink.offset === 0) await rm(partPath, { force: true });
    },
  };
  return sink;
}

/** Writes to a stream, which cannot take bytes back: a mismatch is noticed only after they are written. */
export function createStreamSink(stream: Writable, signal: AbortSignal): DownloadSink {
  return {
    offset: 0,
    crc32: 0,
    continued: false,
    async write(pieces) {
      for (const piece of pieces) {
        if (stream.write(piece)) continue;
        await once(stream, "drain", { signal }).catch((error) => {
          signal.throwIfAborted();
          throw unwritable("the output", error);
        });
      }
    },
    restart: async () => false,
    complete: async () => {},
    close: async () => {},
  };
}

function unwritable(path: string, error: unknown): SluiceError {
  const code = (error as NodeJS.ErrnoException).code;
  return new SluiceError("failed_precondition", `"${path}" cannot be written: ${code ?? (error as Error).message}`, {
    reason: "DESTINATION_UNWRITABLE",
    cause: error,
  });
}
