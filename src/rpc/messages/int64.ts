import { invalidArgument } from "../../domain/errors.ts";

/**
 * An int64 of a request as a number, because the service counts in numbers. Beyond 2^53 - 1 either way it throws
 * `invalid_argument / ARGUMENT_INVALID`, which names the field: S3 objects end far below.
 */
export function fromInt64(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw invalidArgument(field, `${field} is ${value}; it must lie within ±${Number.MAX_SAFE_INTEGER}`, {
    details: { [field]: String(value) },
  });
}

/** Converts an optional field; undefined stays undefined. */
export function fromOptionalInt64(value: bigint | undefined, field: string): number | undefined {
  return value === undefined ? undefined : fromInt64(value, field);
}
