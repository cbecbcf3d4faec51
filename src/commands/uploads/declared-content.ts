import { formatCrc32 } from "../../domain/crc32.ts";
import { DomainError } from "../../domain/errors.ts";

/** The content that a caller declares for a whole file; it is compared before anything is committed. */
export interface DeclaredContent {
  sizeBytes?: number | undefined;
  crc32?: number | undefined;
  sha256?: Uint8Array | undefined;
}

/** Compares SHA-256, where one is expected: `aborted / CHECKSUM_MISMATCH`. */
export function assertSameSha256(actual: Uint8Array, expected: Uint8Array | undefined): void {
  if (expected === undefined || Buffer.from(actual).equals(expected)) return;
  const hex = { sha256: Buffer.from(actual).toString("hex"), expected_sha256: Buffer.from(expected).toString("hex") };
  throw new DomainError("aborted", `the bytes have SHA-256 ${hex.sha256}; ${hex.expected_sha256} was declared`, {
    reason: "CHECKSUM_MISMATCH",
    field: "sha256",
    details: hex,
  });
}

/** Compares size and CRC32: `invalid_argument / SIZE_MISMATCH`, `aborted / CHECKSUM_MISMATCH`. */
export function assertDeclared(
  actual: { sizeBytes: number; crc32: number } | undefined,
  declared: Pick<DeclaredContent, "sizeBytes" | "crc32">,
): void {
  if (actual === undefined) return;
  if (declared.sizeBytes !== undefined && declared.sizeBytes !== actual.sizeBytes) {
    const message = `the upload has ${actual.sizeBytes} bytes; ${declared.sizeBytes} were declared`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_MISMATCH",
      field: "size_bytes",
      details: { size_bytes: actual.sizeBytes, declared_size_bytes: declared.sizeBytes },
    });
  }
  if (declared.crc32 !== undefined && declared.crc32 !== actual.crc32) {
    const hex = { crc32: formatCrc32(actual.crc32), expected_crc32: formatCrc32(declared.crc32) };
    throw new DomainError("aborted", `the bytes have CRC32 ${hex.crc32}; ${hex.expected_crc32} was declared`, {
      reason: "CHECKSUM_MISMATCH",
      field: "crc32",
      details: hex,
    });
  }
}
