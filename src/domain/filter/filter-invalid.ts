import { DomainError } from "../errors.ts";

/**
 * `invalid_argument / FILTER_INVALID`; `start` is where the filter goes wrong, in UTF-16 units from 0. The details hold
 * `position`, counted from 1, and what was `expected` there.
 */
export function filterInvalid(start: number, { expected, found }: { expected: string; found: string }): DomainError {
  const column = start + 1;
  return new DomainError(
    "invalid_argument",
    `filter is not valid at character ${column}: expected ${expected}, found ${found.slice(0, 100)}`,
    { reason: "FILTER_INVALID", field: "filter", details: { position: column, expected } },
  );
}
