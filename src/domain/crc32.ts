import { createRequire } from "node:module";
import { crc32 as zlibCrc32 } from "node:zlib";

/** CRC32 (ISO-HDLC, the one of zlib and S3) of `data`, going on from `seed`, the CRC32 of the bytes before it (0: none). */
export type Crc32 = (data: Uint8Array, seed?: number) => number;

/**
 * The fastest CRC32 of this machine. `@node-rs/crc32` folds by carry-less multiplication (8 to 11 GiB/s a core); the
 * zlib of Node 26 walks tables (3 GiB/s) and serves where the package has no binary for the platform.
 */
export function chooseCrc32(load: () => { crc32: Crc32 }): Crc32 {
  try {
    return load().crc32;
  } catch {
    return zlibCrc32;
  }
}

/** CRC32 of bytes, by `chooseCrc32`. */
export const crc32: Crc32 = chooseCrc32(() => createRequire(import.meta.url)("@node-rs/crc32"));

/**
 * CRC32 (ISO-HDLC, reflected polynomial 0xEDB88320, the one of zlib and S3) of joined bytes, from the CRCs of the pieces.
 *
 * crc(A ++ B) = crc(A) * x^(8 * |B|) + crc(B) in GF(2)[x] modulo the polynomial. Multiplying is 32 steps of shift and
 * xor; the operator x^(8n) is built by squaring and kept for the few lengths that occur (chunk and part sizes), so a
 * combination costs well under a microsecond. After Mark Adler's crc32_combine in zlib.
 */
const POLYNOMIAL = 0xedb88320;
const OPERATORS_MAX = 64;
const operators = new Map<number, number>();

/** CRC32 of A ++ B, given crc32(A), crc32(B) and the length of B in bytes (0 to 2^53 - 1). */
export function combineCrc32(crcA: number, crcB: number, lengthBytesB: number): number {
  if (lengthBytesB === 0) return crcA >>> 0;
  return (multiply(operatorFor(lengthBytesB), crcA) ^ crcB) >>> 0;
}

/** x^(8 * lengthBytes) modulo the polynomial. */
function operatorFor(lengthBytes: number): number {
  let operator = operators.get(lengthBytes);
  if (operator === undefined) {
    operator = powerOfX(lengthBytes);
    if (operators.size >= OPERATORS_MAX) operators.delete(operators.keys().next().value as number);
    operators.set(lengthBytes, operator);
  }
  return operator;
}

/** Square and multiply. Lengths pass 32 bits, so the bits are taken by division. */
function powerOfX(lengthBytes: number): number {
  let result = 0x80000000; // 1, reflected
  let square = 0x00800000; // x^8, reflected
  for (let rest = lengthBytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(square, result);
    square = multiply(square, square);
  }
  return result;
}

/** Product of two reflected polynomials modulo the CRC's. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= b;
    b = (b & 1) !== 0 ? (b >>> 1) ^ POLYNOMIAL : b >>> 1;
  }
  return product >>> 0;
}

/** A CRC32 as eight hex digits, the way people compare them. */
export function formatCrc32(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
