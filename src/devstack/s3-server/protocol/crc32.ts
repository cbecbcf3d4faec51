import { crc32 } from "node:zlib";
import { S3Error } from "./s3-error.ts";

/*
 * CRC32 (ISO-HDLC, as in zlib and S3) as S3 carries it: four bytes, big endian, base64.
 *
 * Combining follows zlib's crc32_combine: appending n bytes multiplies the first CRC by x^(8n) modulo the polynomial.
 * This code deliberately shares nothing with the service that it checks, so that a mistake there cannot hide here.
 */

const POLYNOMIAL = 0xedb88320;

/** The wire form of a CRC32: base64 of its four bytes, big endian. */
export function encodeCrc32(value: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString("base64");
}

/**
 * Reads the wire form of a CRC32; `source` names the header or trailer in the error.
 * @throws S3Error `InvalidRequest` when it is not base64 of exactly four bytes.
 */
export function decodeCrc32(text: string, source: string): number {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== 4 || bytes.toString("base64") !== text) {
    throw new S3Error("InvalidRequest", `Value for ${source} header is invalid.`);
  }
  return bytes.readUInt32BE();
}

/** The CRC32 of two byte strings one after the other, from the CRC32 of each and the length of the second in bytes. */
export function combineCrc32(first: number, second: number, secondSizeBytes: number): number {
  return (multiply(powerOfX(secondSizeBytes), first) ^ second) >>> 0;
}

/** S3's `COMPOSITE` checksum of a multipart object: the CRC32 of the parts' CRC32s, and the number of parts. */
export function compositeCrc32(parts: readonly number[]): string {
  const joined = Buffer.allocUnsafe(parts.length * 4);
  for (const [index, value] of parts.entries()) joined.writeUInt32BE(value, index * 4);
  return `${encodeCrc32(crc32(joined))}-${parts.length}`;
}

/** x^(8 * bytes) modulo the polynomial, by squaring. */
function powerOfX(bytes: number): number {
  let result = 0x80000000;
  let remaining = bytes;
  // Lengths pass 2^32, so they are halved as numbers, not shifted as 32-bit integers.
  for (let index = 3; remaining > 0; index++) {
    if (remaining % 2 === 1) result = multiply(SQUARES[index & 31] as number, result);
    remaining = Math.floor(remaining / 2);
  }
  return result;
}

/** The product of two polynomials modulo the CRC's, both in reflected bit order. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) === 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product >>> 0;
}

/** x^(2^n) for n from 0 to 31; the sequence repeats after that. */
const SQUARES: readonly number[] = (() => {
  const squares = [0x40000000];
  for (let n = 1; n < 32; n++) squares.push(multiply(squares[n - 1] as number, squares[n - 1] as number));
  return squares;
})();
