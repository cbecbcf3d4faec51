import { crc32 } from "node:zlib";
import type { CreateAccess } from "../../../commands/uploads/create-upload.ts";
import { UnfinishedUploads } from "../../../commands/uploads/unfinished-uploads.ts";
import type { UploadAccess, UploadLimits } from "../../../commands/uploads/upload-access.ts";
import type { Namespace } from "../../../domain/namespaces/namespace.ts";
import { BucketRegions } from "../../../domain/residency.ts";
import type { ByteRange } from "../../../domain/uploads/upload.ts";
import type { NewUpload } from "../../../domain/uploads/upload-catalogue.ts";
import type { GrantedWriter } from "../../../domain/uploads/upload-writers.ts";
import type { BudgetPolicy } from "../../../transfer/budget-policy.ts";
import { MemoryBudget } from "../../../transfer/memory-budget.ts";
import type { TransferAccess } from "../../../transfer/transfer-access.ts";
import { UploadWriter } from "../../../transfer/upload-writer.ts";
import { beforeCalls } from "../../fakes/before-calls.ts";
import { FakeFileRepository } from "../../fakes/fake-file-repository.ts";
import { FakeObjectStore } from "../../fakes/fake-object-store.ts";
import { createFakeUploads } from "../../fakes/uploads/fake-upload-repositories.ts";
import { sampleNamespaces } from "../../samples/sample-records.ts";
import { newUpload, nextIdentity } from "../database/repository-subject.ts";

/** Part size on the bench, in bytes. */
export const BENCH_PART_BYTES = 100;

/** Limits as small as parts are. */
export const BENCH_LIMITS: UploadLimits = {
  partSizeBytes: BENCH_PART_BYTES,
  partSizeUnknownBytes: BENCH_PART_BYTES,
  replayablePartMaxBytes: BENCH_PART_BYTES,
  partSizeMaxBytes: BENCH_PART_BYTES,
  oneShotWindowBytes: BENCH_PART_BYTES,
  partsMax: 10_000,
  chunkSizeMaxBytes: 1000,
  partsInFlightMax: 4,
  claimAheadParts: 4,
  stallTimeoutMs: 1000,
  slotSilenceMaxMs: 5000,
  expireAfterMs: 86_400_000,
  expireCapMs: 6 * 86_400_000,
};

/** The parts that the writers of a test work with, all in memory. */
export interface Bench {
  access: UploadAccess & CreateAccess & TransferAccess;
  files: FakeFileRepository;
  objects: FakeObjectStore;
  budget: MemoryBudget;
  /** Names of the repository's methods as they were called; `refuse` makes the next call of one fail. */
  calls: string[];
  refuse(method: string, error: Error, times?: number): void;
  /** Takes bytes of the budget for somebody else; calling the result gives them back. */
  take(bytes: number): () => void;
}

/** A bench with a budget of `budgetParts` parts. */
export function createBench(
  options: {
    limits?: Partial<UploadLimits>;
    budgetParts?: number;
    policy?: Partial<BudgetPolicy>;
    namespace?: Partial<Namespace>;
  } = {},
): Bench {
  const files = new FakeFileRepository();
  const objects = new FakeObjectStore();
  const budget = new MemoryBudget((options.budgetParts ?? 100) * BENCH_PART_BYTES, options.policy);
  const calls: string[] = [];
  const refusals: { method: string; error: Error; left: number }[] = [];
  const uploads = beforeCalls(createFakeUploads(files), (method) => {
    calls.push(method);
    const refusal = refusals.find((one) => one.method === method && one.left-- > 0);
    if (refusal !== undefined) throw refusal.error;
  });
  return {
    access: {
      uploads,
      objects,
      budget,
      instance: "bench",
      regions: new BucketRegions(),
      namespaces: sampleNamespaces({ bucket: "bucket", ...options.namespace }),
      limits: { ...BENCH_LIMITS, ...options.limits },
      unfinished: new UnfinishedUploads(async () => ({ all: 0, own: 0 }), { uploadsMax: 1_000_000 }),
      databaseBackoff: { triesMax: 3, baseDelayMs: 1, delayMaxMs: 1, timeMaxMs: 1000, random: () => 0 },
    },
    files,
    objects,
    budget,
    calls,
    refuse: (method, error, times = 1) => void refusals.push({ method, error, left: times }),
    take: (bytes) => {
      const permit = budget.open();
      if (!budget.tryGrow(permit, bytes)) throw new Error(`${bytes} bytes are not free`);
      return () => budget.release(permit);
    },
  };
}

/** One writer with its caller: pushes bytes, waits where the writer waits. */
export class BenchWriter {
  readonly writer: UploadWriter;
  readonly begin: GrantedWriter;
  /** Settles with the error that ended the writer by itself. */
  readonly failed: Promise<Error>;
  #wake: () => void = () => {};
  /** How often the caller had to wait. */
  waits = 0;

  private constructor(bench: Bench, begin: GrantedWriter) {
    this.begin = begin;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failed = promise;
    this.writer = new UploadWriter(bench.access, begin, {
      onReady: () => this.#wake(),
      onFailed: (error) => {
        resolve(error);
        this.#wake();
      },
      onProgress: () => {},
    });
  }

  /** Creates an upload and a writer of it. */
  static async open(bench: Bench, upload: Partial<NewUpload> = {}): Promise<BenchWriter> {
    const input = newUpload({ partSizeBytes: BENCH_PART_BYTES, ...upload });
    const { upload: created } = await bench.access.uploads.catalogue.create(input, nextIdentity());
    return await BenchWriter.resume(bench, created.uploadId);
  }

  /** One more writer of an upload, or of a lane of it. */
  static async resume(bench: Bench, uploadId: string, lane?: ByteRange): Promise<BenchWriter> {
    const options = { instance: "bench", expireAfterMs: 1000, lane };
    return new BenchWriter(bench, await bench.access.uploads.writers.beginWriter("default", uploadId, options));
  }

  get uploadId(): string {
    return this.begin.upload.uploadId;
  }

  /** Sends one chunk, waiting as often as the writer says. `crc32` true sends the right one. */
  async chunk(offset: number, bytes: Uint8Array, options: { crc32?: number | true } = {}): Promise<void> {
    const sum = options.crc32 === true ? crc32(bytes) : options.crc32;
    this.writer.beginChunk({ offset, lengthBytes: bytes.length, crc32: sum });
    for (let rest = bytes; rest.length > 0; ) {
      rest = rest.subarray(this.writer.write(rest));
      if (rest.length === 0) break;
      this.waits++;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.writer.endChunk();
  }

  /** Sends bytes as chunks of one size. */
  async send(bytes: Uint8Array, options: { offset?: number; chunkBytes?: number; crc32?: true } = {}): Promise<void> {
    const { offset = 0, chunkBytes = 30, crc32: withCrc } = options;
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const piece = bytes.subarray(at, at + chunkBytes);
      await this.chunk(offset + at, piece, withCrc === undefined ? {} : { crc32: withCrc });
    }
  }
}
