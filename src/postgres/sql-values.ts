import { sql } from "slonik";

/** Bytes as a parameter of type bytea. A text parameter, so that a statement reads the same with and without a value. */
export function toBytea(bytes: Uint8Array | undefined) {
  return sql.fragment`${bytes === undefined ? null : `\\x${Buffer.from(bytes).toString("hex")}`}::bytea`;
}

/** Milliseconds as an interval. */
export function toInterval(durationMs: number) {
  return sql.fragment`(${durationMs}::double precision * interval '1 millisecond')`;
}
