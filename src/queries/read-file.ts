import { addAbortSignal, type Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { combineCrc32 } from "../domain/crc32.ts";
import { DomainError, invalidArgument } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { requireReadable } from "../domain/files/readable-file.ts";
import type { WorkLimiter } from "../domain/limits/work-limiter.ts";
import type { Namespaces } from "../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../domain/object-store.ts";
import { type Chunk, ChunkGatherer, readChunks } from "./gather-chunks.ts";
import { type GetFileRequest, getFile } from "./get-file.ts";
import type { QueryOptions } from "./query-options.ts";

/** Largest chunk of an answer, in bytes. */
export const READ_CHUNK_MAX_BYTES = 256 * 1024;

/** Which bytes of which file. */
export interface ReadFileRequest extends GetFileRequest {
  /** First byte; a negative one counts from the end. */
  offset: number;
  /** Most bytes; to the end when undefined. */
  limitBytes?: number;
}

/** What reading yields: the header once, the chunks in order, without gap, and the end once all of them were yielded. */
export type ReadFileEvent =
  | { kind: "header"; file: File; offset: number; sizeBytes: number }
  | ({ kind: "chunk"; offset: number } & Chunk)
  | { kind: "end"; crc32: number; sizeBytes: number };

/** How often a cut stream is opened again without a byte of progress, and how long before each attempt. */
export interface ReadRetries {
  attemptsMax: number;
  /** Milliseconds before the attempt of that number, from 1. */
  delayMs: (attempt: number) => number;
}

/** Five attempts with full jitter: at most 3 s of waiting in all, well within what a caller waits for its next chunk. */
export const READ_RETRIES: ReadRetries = {
  attemptsMax: 5,
  delayMs: (attempt) => Math.random() * 100 * 2 ** attempt,
};

interface ReadFileDeps {
  files: Pick<FileRepository, "get">;
  objects: Pick<ObjectStore, "read">;
  namespaces: Namespaces;
  retries: ReadRetries;
  readers: WorkLimiter;
}

/**
 * The bytes of a file, or a range of them. Pulled: no more than one chunk is read from S3 ahead of the consumer,
 * beside what one socket buffers. A stream that S3 cuts is opened again where it stopped; when that fails repeatedly without progress the
 * error of S3 ends the reading. When all bytes of the file are read their CRC32 is compared with the recorded one, and
 * `data_loss / CHECKSUM_MISMATCH` ends the reading after the last chunk: a caller must not trust what it got before
 * the end. A deleted file is not read. Errors before the header: `not_found / FILE_NOT_FOUND`,
 * `invalid_argument / RANGE_INVALID`, `resource_exhausted / OVERLOADED` while too many read. An abort ends with the signal's reason and closes the stream to S3.
 */
export async function* readFile(
  deps: ReadFileDeps,
  request: ReadFileRequest,
  options: QueryOptions,
): AsyncGenerator<ReadFileEvent, void, undefined> {
  // First of all: a refusal must cost no statement.
  const leave = await deps.readers.enter(options.caller.principal, options);
  try {
    const file = requireReadable(await getFile(deps, request, options));
    const range = resolveRange(request, file.sizeBytes);
    yield* readWhole(deps, file, { ...range, signal: options.signal });
  } finally {
    leave();
  }
}

async function* readWhole(
  deps: ReadFileDeps,
  file: File,
  range: { offset: number; sizeBytes: number; signal: AbortSignal | undefined },
): AsyncGenerator<ReadFileEvent, void, undefined> {
  yield { kind: "header", file, offset: range.offset, sizeBytes: range.sizeBytes };
  let offset = range.offset;
  let rangeCrc32 = 0;
  for await (const chunks of readRange(deps, file, range)) {
    for (const chunk of chunks) {
      rangeCrc32 = combineCrc32(rangeCrc32, chunk.crc32, chunk.sizeBytes);
      yield { kind: "chunk", offset, ...chunk };
      offset += chunk.sizeBytes;
    }
  }
  if (range.sizeBytes === file.sizeBytes && rangeCrc32 !== file.crc32) {
    throw new DomainError("data_loss", "the stored bytes do not have the checksum that was recorded at commit", {
      reason: "CHECKSUM_MISMATCH",
      details: { namespace: file.namespace, path: file.path, crc32: rangeCrc32, crc32_recorded: file.crc32 },
    });
  }
  yield { kind: "end", crc32: rangeCrc32, sizeBytes: range.sizeBytes };
}

/**
 * The range that a request means. As with HTTP suffix ranges (RFC 9110, 14.1.2), a negative offset that reaches before
 * the first byte begins at the first byte, and a limit beyond the end ends at the end.
 */
function resolveRange(request: ReadFileRequest, fileSizeBytes: number): { offset: number; sizeBytes: number } {
  const { limitBytes } = request;
  if (limitBytes !== undefined && limitBytes < 0) {
    throw invalidArgument("limit_bytes", `limit_bytes is ${limitBytes}; it must be at least 0`, {
      reason: "RANGE_INVALID",
      details: { limit_bytes: limitBytes },
    });
  }
  if (request.offset > fileSizeBytes) {
    throw invalidArgument("offset", `offset is ${request.offset}; the file has ${fileSizeBytes} bytes`, {
      reason: "RANGE_INVALID",
      details: { offset: request.offset, size_bytes: fileSizeBytes },
    });
  }
  const offset = request.offset < 0 ? Math.max(0, fileSizeBytes + request.offset) : request.offset;
  return { offset, sizeBytes: Math.min(limitBytes ?? fileSizeBytes, fileSizeBytes - offset) };
}

/** Exactly the bytes of a range, over as many streams of S3 as that takes. */
async function* readRange(
  deps: ReadFileDeps,
  file: File,
  options: { offset: number; sizeBytes: number; signal: AbortSignal | undefined },
): AsyncGenerator<readonly Chunk[], void, undefined> {
  const { signal } = options;
  const gatherer = new ChunkGatherer(READ_CHUNK_MAX_BYTES);
  let failures = 0;
  while (gatherer.receivedBytes < options.sizeBytes) {
    const { receivedBytes } = gatherer;
    const rest = { offset: options.offset + receivedBytes, sizeBytes: options.sizeBytes - receivedBytes };
    let cut: unknown;
    try {
      const stream = await openRange(deps.objects, file, { ...rest, signal });
      for await (const chunks of readChunks(stream, gatherer)) {
        if (gatherer.receivedBytes > options.sizeBytes) throw tooManyBytes(file);
        yield chunks;
      }
      if (gatherer.receivedBytes > options.sizeBytes) throw tooManyBytes(file);
    } catch (error) {
      cut = error;
    }
    if (gatherer.receivedBytes === options.sizeBytes && cut === undefined) break;
    signal?.throwIfAborted();
    failures = gatherer.receivedBytes > receivedBytes ? 1 : failures + 1;
    if (!isRetryable(cut) || failures >= deps.retries.attemptsMax) throw toReadError(cut, file);
    await pause(deps.retries.delayMs(failures), signal);
  }
  yield gatherer.end();
}

async function openRange(
  objects: Pick<ObjectStore, "read">,
  file: File,
  options: { offset: number; sizeBytes: number; signal: AbortSignal | undefined },
): Promise<Readable> {
  const { signal, ...range } = options;
  const stream = await objects.read(file.bucket, file.s3Key, {
    ...(file.s3VersionId !== "" && { versionId: file.s3VersionId }),
    range,
    ...(signal !== undefined && { signal }),
  });
  return signal === undefined ? stream : addAbortSignal(signal, stream);
}

/** A stream that ended early or broke is opened again; what S3 said in words is final unless it is `unavailable`. */
function isRetryable(cut: unknown): boolean {
  return !(cut instanceof DomainError) || cut.code === "unavailable";
}

function toReadError(cut: unknown, file: File): DomainError {
  if (cut instanceof DomainError) return cut;
  return new DomainError("unavailable", "the storage ended the stream of the file's bytes early; read on from there", {
    reason: "STORAGE_UNAVAILABLE",
    retryAfterMs: 1000,
    details: { namespace: file.namespace, path: file.path },
    cause: cut,
  });
}

function tooManyBytes(file: File): DomainError {
  return new DomainError("data_loss", "the storage holds more bytes of the file than were committed", {
    reason: "SIZE_MISMATCH",
    details: { namespace: file.namespace, path: file.path, size_bytes: file.sizeBytes },
  });
}

async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch {
    signal?.throwIfAborted();
  }
}
