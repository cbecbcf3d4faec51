import { sql } from "slonik";

/** A piece of a statement with its values. */
export type SqlFragment = ReturnType<typeof sql.and>;

/** Bytes as a parameter of type bytea. A text parameter, so that a statement reads the same with and without a value. */
export function toBytea(bytes: Uint8Array | undefined) {
  return sql.fragment`${bytes === undefined ? null : `\\x${Buffer.from(bytes).toString("hex")}`}::bytea`;
}

/** Milliseconds as an interval. */
export function toInterval(durationMs: number) {
  return sql.fragment`(${durationMs}::double precision * interval '1 millisecond')`;
}

/** Microseconds since 1970 as a time. Exact within ±2^53: PostgreSQL keeps microseconds. */
export function toTimestamp(microseconds: number) {
  return sql.fragment`(timestamptz 'epoch' + ${microseconds}::bigint * interval '1 microsecond')`;
}

/** A pattern of LIKE for pieces with any text between them; what is special to LIKE stands for itself. */
export function toLikePattern(pieces: readonly string[]): string {
  return pieces.map((piece) => piece.replace(/[\\%_]/g, "\\$&")).join("%");
}

/**
 * The first text, by bytes, after all that begin with `prefix`; undefined when there is none. The order of UTF-8 bytes
 * is the order of code points, so the last code point that can be raised is raised. No LIKE: a path may hold % and _.
 */
export function toPrefixEnd(prefix: string): string | undefined {
  const codePoints = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = codePoints.pop(); last !== undefined; last = codePoints.pop()) {
    if (last === 0x10ffff) continue;
    // Surrogates are no characters: U+D7FF is followed by U+E000.
    return String.fromCodePoint(...codePoints, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}
