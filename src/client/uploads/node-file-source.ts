import type { BigIntStats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { SluiceError } from "../sluice-error.ts";
import { createIterableSource, orAborted, type UploadSource } from "./upload-source.ts";

/** Size of the buffers that a file is read into, in bytes; it is also the largest chunk that the client sends. */
export const READ_SIZE_BYTES = 2 ** 20;

/** Buffers that are kept for reuse: about 5 per lane. The senders bound how many are lent at once. */
const POOL_BUFFERS_MAX = 24;

/**
 * A file by its path: it is read at any offset into a small pool of 1 MiB buffers, so the memory does not grow with the file.
 * Pipes and devices have no offsets and become an iterable source. Rejects with `SOURCE_UNREADABLE` when the file cannot be
 * opened, and with the signal's reason when that is aborted first: a named pipe opens only when somebody writes to it.
 */
export async function openFileSource(path: string, { signal }: { signal: AbortSignal }): Promise<UploadSource> {
  const handle = await openToRead(path, signal);
  const before = await handle.stat({ bigint: true });
  if (before.isDirectory()) {
    await handle.close();
    throw new SluiceError("invalid_argument", `"${path}" is a directory; name a file`, { reason: "SOURCE_UNREADABLE" });
  }
  if (!before.isFile()) return createIterableSource(handle.createReadStream({ highWaterMark: READ_SIZE_BYTES }));

  const sizeBytes = Number(before.size);
  const pool: Buffer[] = [];
  return {
    sizeBytes,
    isSeekable: true,
    async read(offset, sizeMaxBytes, { signal }) {
      signal.throwIfAborted();
      const wantedBytes = Math.min(sizeMaxBytes, READ_SIZE_BYTES, sizeBytes - offset);
      const buffer = pool.pop() ?? Buffer.allocUnsafeSlow(READ_SIZE_BYTES);
      let at = 0;
      while (at < wantedBytes) {
        const { bytesRead } = await handle.read(buffer, at, wantedBytes - at, offset + at).catch((error) => {
          throw unreadable(path, error);
        });
        if (bytesRead === 0) throw changed(path, `it ends at byte ${offset + at}, not at ${sizeBytes}`);
        at += bytesRead;
      }
      return {
        bytes: buffer.subarray(0, Math.max(0, wantedBytes)),
        release: () => {
          if (pool.length < POOL_BUFFERS_MAX) pool.push(buffer);
        },
      };
    },
    isFull: () => false,
    keepAtLeast: () => {},
    discardBefore: () => {},
    async assertUnchanged() {
      const now = await handle.stat({ bigint: true });
      if (!isSameContent(before, now)) throw changed(path, "its size or time of change is another than at the start");
    },
    close: () => handle.close(),
  };
}

async function openToRead(path: string, signal: AbortSignal): Promise<FileHandle> {
  const opening = open(path, "r");
  try {
    return await orAborted(opening, signal);
  } catch (error) {
    if (!signal.aborted) throw unreadable(path, error as NodeJS.ErrnoException);
    // Nothing ends the system call that waits for a writer. If one comes, nobody wants the file any more.
    opening.then((late) => late.close()).catch(() => {});
    throw signal.reason;
  }
}

function isSameContent(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs;
}

function unreadable(path: string, error: NodeJS.ErrnoException): SluiceError {
  const why = error.code === "ENOENT" ? "it does not exist" : error.code === "EACCES" ? "access is denied" : error.code;
  return new SluiceError("invalid_argument", `"${path}" cannot be read: ${why}`, {
    reason: "SOURCE_UNREADABLE",
    cause: error,
  });
}

function changed(path: string, how: string): SluiceError {
  return new SluiceError("aborted", `"${path}" was changed while it was uploaded: ${how}; upload it again`, {
    reason: "SOURCE_CHANGED",
  });
}
