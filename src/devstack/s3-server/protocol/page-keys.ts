/** Which of the keys to list. */
export interface PageRequest {
  readonly prefix: string;
  /** Empty for none. */
  readonly delimiter: string;
  /** The last key or common prefix of the page before; empty for the first page. */
  readonly after: string;
  readonly pageSize: number;
}

/** A page of keys and common prefixes together, in order. */
export interface KeyPage {
  readonly entries: readonly { readonly text: string; readonly isPrefix: boolean }[];
  readonly isTruncated: boolean;
}

/** One page of keys in UTF-8 order, those that share a common prefix rolled up into one entry. */
export function pageKeys(keys: Iterable<string>, { prefix, delimiter, after, pageSize }: PageRequest): KeyPage {
  // A page that ended with a common prefix is followed by what lies behind all its keys.
  const rolledUp = delimiter !== "" && after.endsWith(delimiter) ? after : undefined;
  const following = Array.from(keys)
    .filter((key) => key.startsWith(prefix) && compareKeys(key, after) > 0)
    .filter((key) => rolledUp === undefined || !key.startsWith(rolledUp))
    .sort(compareKeys);
  const entries: { text: string; isPrefix: boolean }[] = [];
  for (const key of following) {
    const end = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const text = end === -1 ? key : key.slice(0, end + delimiter.length);
    if (end !== -1 && entries.at(-1)?.text === text) continue;
    if (entries.length === pageSize) return { entries, isTruncated: pageSize > 0 };
    entries.push({ text, isPrefix: end !== -1 });
  }
  return { entries, isTruncated: false };
}

/** Orders keys by their UTF-8 bytes, as S3 does; JavaScript's own order differs beyond the basic plane. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const [x, y] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

// Surrogates stand for code points above every other code unit.
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
