import { invalidArgument } from "../../domain/errors.ts";

/**
 * An int64 of a request as a number, which is what the service counts in. `invalid_argument / ARGUMENT_INVALID` that
 * names the field when it is beyond 2^53 - 1 either way: S3 objects end far below.
 */
export function fromInt64(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw invalidArgument(field, `${field} is ${value}; it must lie within ±${Number.MAX_SAFE_INTEGER}`, {
    details: { [field]: String(value) },
  });
}

/** The same for an optional field: undefined stays undefined. */
export function fromOptionalInt64(value: bigint | undefined, field: string): number | undefined {
  return value === undefined ? undefined : fromInt64(value, field);
}
