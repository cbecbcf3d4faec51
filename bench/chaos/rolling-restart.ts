import { setTimeout as delay } from "node:timers/promises";
import { createSluiceClient } from "../../src/client/client.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { createPayload } from "../stage/payload.ts";
import { CHAOS_TOKEN, type ChaosRigOptions, startChaosRig } from "./chaos-rig.ts";
import { type FaultProxy, startFaultProxy } from "./faults/fault-proxy.ts";

/** Uploads that are under way while all replicas are restarted. */
export interface RollingOptions extends ChaosRigOptions {
  readonly uploads: number;
  readonly uploadBytes: number;
  readonly report: (what: string) => void;
}

/** How fast each source gives its bytes until all replicas were restarted, in bytes a second. */
const BYTES_PER_SECOND = 2 ** 20;

/** Bytes that a source gives at once. */
const PIECE_BYTES = 64 * 1024;

/** HTTP/2 and gRPC add less than this share to the bytes, frames for settings, pings and windows included. */
const FRAMING_SHARE = 0.01;

/** Restarts one replica after the other while uploads are under way, and counts what was sent again. */
export async function measureRollingRestart(options: RollingOptions): Promise<FigureRow[]> {
  const rig = await startChaosRig(options);
  try {
    const [payload, restarted] = [createPayload(), new AbortController()];
    const uploads = await Promise.all(
      Array.from({ length: options.uploads }, async (_, index) => {
        const lines = await Promise.all(rig.replicas.map(({ url }) => startFaultProxy(Number(new URL(url).port))));
        const bytes = payload.subarray(index, index + options.uploadBytes);
        return new SlowUpload(lines, { index, bytes, restarted: restarted.signal });
      }),
    );
    const ended = uploads.map((upload) => upload.run());
    while (uploads.some(({ isUnderWay }) => !isUnderWay)) await delay(50);
    for (const [index, replica] of rig.replicas.entries()) {
      options.report(`replica ${index + 1} is restarted`);
      await replica.stop();
      await replica.start();
    }
    const early = uploads.filter(({ isOver }) => isOver).length;
    restarted.abort();
    const problems = (await Promise.all(ended)).flat();
    await Promise.all(uploads.map((upload) => upload.close()));
    const [{ bytes: partBytes } = {}] = await rig.query(
      "SELECT max(part_size_bytes)::float AS bytes FROM upload WHERE path LIKE 'rolling/%'",
    );
    const toParts = (bytes: number) => bytes / Number(partBytes);
    const most = (of: (upload: SlowUpload) => number) => Math.max(...uploads.map(of));
    return [
      {
        name: `uploads that failed while ${options.replicas} replicas were restarted, of ${options.uploads}`,
        measured: problems.length,
        must: { atMost: 0 },
        unit: "count",
        note: [`${early} had ended before the last replica was ready again`, ...problems.slice(0, 3)].join("; "),
      },
      {
        name: "bytes that one upload sent again for each time that its replica ended, the most of all uploads, in parts",
        measured: most(({ resentBytes, interruptions }) => toParts(resentBytes / Math.max(1, interruptions))),
        must: { atMost: 1 },
        unit: "ratio",
        note: `the most of one upload in all ${most(({ resentBytes }) => toParts(resentBytes)).toFixed(2)} parts, with at most ${most(({ interruptions }) => interruptions)} interruptions; all that went over the line counts, less the file and ${100 * FRAMING_SHARE} % for the protocol`,
      },
    ];
  } finally {
    await rig.stop();
  }
}

/** An upload by a client of its own, over lines of its own, whose source is slow until the replicas were restarted. */
class SlowUpload {
  readonly #lines: readonly FaultProxy[];
  readonly #restarted: AbortSignal;
  readonly #bytes: Buffer;
  readonly #index: number;
  isUnderWay = false;
  isOver = false;
  /** How often the upload lost its stream after bytes had become durable, or at its beginning. */
  interruptions = 0;

  constructor(lines: readonly FaultProxy[], options: { index: number; bytes: Buffer; restarted: AbortSignal }) {
    this.#lines = lines;
    this.#index = options.index;
    this.#bytes = options.bytes;
    this.#restarted = options.restarted;
  }

  /** Resolves to what went wrong. */
  async run(): Promise<string[]> {
    const first = this.#index % this.#lines.length;
    const urls = this.#lines.map((_, at) => `http://127.0.0.1:${this.#lines[(first + at) % this.#lines.length]?.port}`);
    const client = createSluiceClient({ urls, token: CHAOS_TOKEN });
    let failuresBefore = 0;
    try {
      await client.upload(this.#source(), `rolling/${this.#index}`, {
        onProgress: ({ receivedBytes, failures }) => {
          this.isUnderWay ||= receivedBytes > 0;
          if (failures > 0 && failuresBefore === 0) this.interruptions++;
          failuresBefore = failures;
        },
      });
      return [];
    } catch (error) {
      return [`upload ${this.#index}: ${(error as Error).message}`];
    } finally {
      [this.isUnderWay, this.isOver] = [true, true];
      client.close();
    }
  }

  /** Bytes beyond the file and its framing that went to the replicas. */
  get resentBytes(): number {
    const sentBytes = this.#lines.reduce((sum, line) => sum + line.sentBytes, 0);
    return Math.max(0, sentBytes - this.#bytes.length * (1 + FRAMING_SHARE));
  }

  async close(): Promise<void> {
    await Promise.all(this.#lines.map((line) => line.close()));
  }

  async *#source(): AsyncGenerator<Buffer> {
    for (let at = 0; at < this.#bytes.length; at += PIECE_BYTES) {
      yield this.#bytes.subarray(at, at + PIECE_BYTES);
      const pauseMs = (1000 * PIECE_BYTES) / BYTES_PER_SECOND;
      // The restarts are over: the rest comes at once.
      await delay(pauseMs, undefined, { signal: this.#restarted }).catch(() => {});
    }
  }
}
