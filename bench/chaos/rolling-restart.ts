import { setTimeout as delay } from "node:timers/promises";
import { createSluiceClient } from "../../src/client/client.ts";
import { createPayload } from "../payload.ts";
import type { FigureRow } from "../sessions/figure-row.ts";
import { CHAOS_TOKEN, type ChaosRigOptions, startChaosRig } from "./chaos-rig.ts";
import { type FaultProxy, startFaultProxy } from "./faults/fault-proxy.ts";

/** Uploads that are under way while all replicas are restarted. */
export interface RollingOptions extends ChaosRigOptions {
  readonly uploads: number;
  readonly uploadBytes: number;
  readonly report: (what: string) => void;
}

/** Bytes that a source gives at once. */
const PIECE_BYTES = 64 * 1024;

/** HTTP/2 and gRPC add less than this share to the bytes, frames for settings, pings and windows included. */
const FRAMING_SHARE = 0.01;

/** Restarts one replica after the other while uploads are under way, whose sources last as long, and counts what was sent again. */
export async function measureRollingRestart(options: RollingOptions): Promise<FigureRow[]> {
  const rig = await startChaosRig(options);
  try {
    const restarted = new AbortController();
    const uploads = await Promise.all(
      Array.from({ length: options.uploads }, async (_, index) => {
        const lines = await Promise.all(rig.replicas.map(({ url }) => startFaultProxy(Number(new URL(url).port))));
        return new LastingUpload(lines, { index, sizeBytes: options.uploadBytes, restarted: restarted.signal });
      }),
    );
    const ended = uploads.map((upload) => upload.run());
    while (uploads.some(({ isUnderWay }) => !isUnderWay)) await delay(50);
    for (const [index, replica] of rig.replicas.entries()) {
      options.report(`replica ${index + 1} is restarted`);
      await replica.stop();
      await replica.start();
    }
    restarted.abort();
    const problems = (await Promise.all(ended)).flat();
    const resent = uploads.map(({ resentBytes }) => resentBytes / rig.partSizeBytes);
    await Promise.all(uploads.map((upload) => upload.close()));
    return [
      {
        name: `uploads that failed while ${options.replicas} replicas were restarted, of ${options.uploads}`,
        measured: problems.length,
        must: { atMost: 0 },
        unit: "count",
        ...(problems.length > 0 && { note: problems.slice(0, 3).join("; ") }),
      },
      {
        name: "bytes of one upload that were sent again, the most of all uploads, in parts",
        measured: Math.max(...resent),
        must: { atMost: 1 },
        unit: "ratio",
        note: `of all uploads together ${resent.reduce((sum, one) => sum + one, 0).toFixed(2)} parts of ${rig.partSizeBytes} bytes; all that went over the line counts, less the file and ${100 * FRAMING_SHARE} % for the protocol`,
      },
    ];
  } finally {
    await rig.stop();
  }
}

/** An upload by a client of its own, whose source gives its last bytes only when the replicas were restarted. */
class LastingUpload {
  readonly #lines: readonly FaultProxy[];
  readonly #bytes: Buffer;
  readonly #index: number;
  readonly #restarted: AbortSignal;
  isUnderWay = false;

  constructor(lines: readonly FaultProxy[], options: { index: number; sizeBytes: number; restarted: AbortSignal }) {
    this.#lines = lines;
    this.#index = options.index;
    this.#restarted = options.restarted;
    this.#bytes = createPayload(options.index + 1).subarray(0, options.sizeBytes);
  }

  /** Resolves to what went wrong. */
  async run(): Promise<string[]> {
    const first = this.#index % this.#lines.length;
    const urls = this.#lines.map((_, at) => `http://127.0.0.1:${this.#lines[(first + at) % this.#lines.length]?.port}`);
    const client = createSluiceClient({ urls, token: CHAOS_TOKEN });
    try {
      await client.upload(this.#source(), `rolling/${this.#index}`, {
        sizeHintBytes: this.#bytes.length,
        onProgress: ({ receivedBytes }) => {
          this.isUnderWay ||= receivedBytes > 0;
        },
      });
      return [];
    } catch (error) {
      return [`upload ${this.#index}: ${(error as Error).message}`];
    } finally {
      this.isUnderWay = true;
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

  /** Half of the bytes come at once, the others while the restarts last, at a pace that the restarts never outlast. */
  async *#source(): AsyncGenerator<Buffer> {
    for (let at = 0; at < this.#bytes.length; at += PIECE_BYTES) {
      yield this.#bytes.subarray(at, at + PIECE_BYTES);
      const leftBytes = this.#bytes.length - at;
      // Each wait is a fixed share of what is left, so that the source does not end before the restarts do.
      if (leftBytes < this.#bytes.length / 2 && !this.#restarted.aborted)
        await delay((20_000 * PIECE_BYTES) / leftBytes, undefined, { signal: this.#restarted }).catch(() => {});
    }
  }
}
