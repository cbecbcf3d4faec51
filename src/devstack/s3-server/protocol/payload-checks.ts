import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { decodeCrc32 } from "./crc32.ts";
import type { PayloadPlan } from "./payload-plan.ts";
import { S3Error } from "./s3-error.ts";

/** The received payload, after every promise of the plan was kept. */
export interface ReceivedPayload {
  readonly sizeBytes: number;
  /** Computed, or as declared where verification is off; undefined when nobody asked for one. */
  readonly crc32: number | undefined;
  /** Hex; only when asked for. */
  readonly md5: string | undefined;
}

/** Sums to compute of a payload beside those that its plan demands. */
export interface CheckOptions {
  /** Off in load tests: declared checksums are then taken as they are and nothing is computed. */
  readonly verify: boolean;
  readonly computeCrc32: boolean;
  readonly computeMd5: boolean;
}

/** Measures one payload as it passes, and compares it with its plan at the end. */
export class PayloadChecks {
  readonly #plan: PayloadPlan;
  readonly #verify: boolean;
  readonly #computesCrc32: boolean;
  readonly #sha256: Hash | undefined;
  readonly #md5: Hash | undefined;
  #sizeBytes = 0;
  #crc32 = 0;

  constructor(plan: PayloadPlan, { verify, computeCrc32, computeMd5 }: CheckOptions) {
    this.#plan = plan;
    this.#verify = verify;
    this.#computesCrc32 = verify && (computeCrc32 || plan.crc32 !== undefined || plan.crc32InTrailer);
    this.#sha256 = verify && plan.sha256 !== undefined ? createHash("sha256") : undefined;
    this.#md5 = computeMd5 || (verify && plan.md5 !== undefined) ? createHash("md5") : undefined;
  }

  /** Payload bytes seen so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** @throws S3Error `IncompleteBody` when there is more than was announced. */
  take(slice: Buffer): void {
    this.#sizeBytes += slice.length;
    if (this.#sizeBytes > this.#plan.sizeBytes) throw this.#wrongSize();
    if (this.#computesCrc32) this.#crc32 = crc32(slice, this.#crc32);
    this.#sha256?.update(slice);
    this.#md5?.update(slice);
  }

  /** @throws S3Error `IncompleteBody`, `BadDigest`, `XAmzContentSHA256Mismatch` or `MalformedTrailerError`. */
  finish(trailers: ReadonlyMap<string, string> | undefined): ReceivedPayload {
    const plan = this.#plan;
    if (this.#sizeBytes !== plan.sizeBytes) throw this.#wrongSize();
    const declared = plan.crc32InTrailer ? readTrailer(trailers) : plan.crc32;
    if (this.#computesCrc32 && declared !== undefined && declared !== this.#crc32) throw badDigest("CRC32");
    const md5 = this.#md5?.digest();
    if (this.#verify && plan.md5 !== undefined && md5?.toString("base64") !== plan.md5) throw badDigest("Content-MD5");
    if (this.#sha256 !== undefined && this.#sha256.digest("hex") !== plan.sha256) {
      throw new S3Error(
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
      );
    }
    return {
      sizeBytes: this.#sizeBytes,
      crc32: this.#computesCrc32 ? this.#crc32 : declared,
      md5: md5?.toString("hex"),
    };
  }

  #wrongSize(): S3Error {
    return new S3Error(
      "IncompleteBody",
      "You did not provide the number of bytes specified by the Content-Length HTTP header",
      { NumberBytesExpected: String(this.#plan.sizeBytes), NumberBytesProvided: String(this.#sizeBytes) },
    );
  }
}

function readTrailer(trailers: ReadonlyMap<string, string> | undefined): number {
  const text = trailers?.get("x-amz-checksum-crc32");
  if (text === undefined) {
    throw new S3Error("MalformedTrailerError", "The request contained trailing data that was not well-formed");
  }
  return decodeCrc32(text, "x-amz-checksum-crc32");
}

function badDigest(name: string): S3Error {
  return new S3Error("BadDigest", `The ${name} you specified did not match the calculated checksum.`);
}
