import { sql } from "slonik";

/** A piece of a statement with its values. */
export type SqlFragment = ReturnType<typeof sql.and>;

/** Bytes as a value of type bytea. The parameter is a text, so that a statement reads the same with and without a value. */
export function toBytea(bytes: Uint8Array | undefined) {
  return sql.fragment`${bytes === undefined ? null : toByteaText(bytes)}::bytea`;
}

/** Bytes as the text of a value of type bytea. */
export function toByteaText(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString("hex")}`;
}

/** Milliseconds as an interval. */
export function toInterval(durationMs: number) {
  return sql.fragment`(${durationMs}::double precision * interval '1 millisecond')`;
}

/** Years that a time is written with four digits in. */
const YEARS_MICROSECONDS = {
  first: Date.parse("0001-01-01T00:00:00Z") * 1000,
  end: Date.UTC(10_000, 0, 1) * 1000,
};

/**
 * Microseconds since 1970 as a time, exact within ±2^53: PostgreSQL keeps microseconds. Outside of the years 1 to 9999 it is
 * before, or after, all times. One parameter of its type, which is a constant when the statement is planned; a sum with an
 * interval would be made again for each row.
 */
export function toTimestamp(microseconds: number) {
  return sql.fragment`${toTimeText(microseconds)}::timestamptz`;
}

function toTimeText(microseconds: number): string {
  if (microseconds < YEARS_MICROSECONDS.first) return "-infinity";
  if (microseconds >= YEARS_MICROSECONDS.end) return "infinity";
  const seconds = Math.floor(microseconds / 1_000_000);
  const text = new Date(seconds * 1000).toISOString().slice(0, -".000Z".length);
  return `${text}.${String(microseconds - seconds * 1_000_000).padStart(6, "0")}Z`;
}

/** A pattern of LIKE for pieces with any text between them; characters that are special to LIKE stand for themselves. */
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
