/** A word to search for: lower case, letters and digits. */
export interface SearchWord {
  text: string;
  /** Whether the word also matches longer words that begin with it. */
  isPrefix: boolean;
}

/** Characters of a word that count: words that differ only behind them are equal. The schema's file_search does the same. */
export const SEARCH_WORD_MAX_CHARACTERS = 64;

/**
 * The characters between words: ASCII but for letters and digits, Latin-1 signs, general punctuation and that of CJK. By
 * ranges and not by Unicode classes, so that PostgreSQL, whatever its locale, splits the same way.
 */
const BETWEEN_WORDS = /[^a-z0-9\u00aa-\u1fff\u2c00-\u2fef\u3040-\u{10ffff}]+/u;

/** The words of a text, in lower case, in their order. */
export function toSearchWords(text: string): string[] {
  return text
    .normalize("NFC")
    .toLowerCase()
    .split(BETWEEN_WORDS)
    .filter((word) => word !== "")
    .map((word) => [...word].slice(0, SEARCH_WORD_MAX_CHARACTERS).join(""));
}
