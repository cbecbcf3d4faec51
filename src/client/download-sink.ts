import { once } from "node:events";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import { crc32 } from "../domain/crc32.ts";
import { SluiceError } from "./sluice-error.ts";

/** Size in which an earlier part file is read, in bytes. */
const READ_SIZE_BYTES = 2 ** 20;

/** Where bytes go, and what of them is there already. */
export interface DownloadSink {
  offset: number;
  crc32: number;
  /** Whether `offset` was above 0 when the sink was opened: bytes of an earlier process, perhaps of another file. */
  continued: boolean;
  write(pieces: readonly Uint8Array[]): Promise<void>;
  /** Forgets all bytes, if that is possible; false otherwise. */
  restart(): Promise<boolean>;
  /** The bytes are whole and verified. */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/** Writes to `<path>.part`, going on behind what is there already if `resume`; renamed to `path` when complete. */
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
      return await open(partPath, "r+"); // "a+" made it if it was not there; positions need "r+"
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
      // writev may write less than it was given when the disk is nearly full: then the rest, piece by piece.
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

/** Writes to a stream, which cannot take bytes back: a mismatch is known only after they are written. */
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
