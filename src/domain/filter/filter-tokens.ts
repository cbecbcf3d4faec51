import { filterInvalid } from "./filter-invalid.ts";

/** The longest filter, in bytes of UTF-8. */
export const FILTER_MAX_BYTES = 8192;

/** A piece of a filter's text. */
export interface FilterToken {
  /**
   * `word` is bare text without spaces, dots and operators, `string` was quoted. `end` follows the last one and is empty.
   */
  kind: "word" | "string" | "operator" | "(" | ")" | "." | "-" | "end";
  /** The text of a string has no quotes and escapes any more. */
  text: string;
  /** `text` cut at each "*" that stands for any text; one piece where none does. */
  pieces: readonly string[];
  /** Where the token begins and where the next one may begin, in UTF-16 units from 0. */
  start: number;
  end: number;
}

/** Times hold "-" and ":", which are operators elsewhere. */
const TIME = /\d{4}-\d{2}-\d{2}(?:[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2}))?(?![^\s()])/y;
const SPACE = /\s+/y;
const OPERATOR = /!=|<=|>=|[=<>:]/y;
const WORD = /(?:[^\s()"'=!<>:.,\\]|\\.)+/sy;
const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy;

/**
 * Cuts a filter into tokens, the end included. A backslash takes the special sense of the next character, in quotes and
 * outside of them. Errors: `invalid_argument / FILTER_INVALID`. Linear in the length: no pattern backtracks.
 */
export function tokenizeFilter(filter: string): FilterToken[] {
  const bytes = Buffer.byteLength(filter);
  if (bytes > FILTER_MAX_BYTES) {
    throw filterInvalid(0, {
      expected: `at most ${FILTER_MAX_BYTES} bytes of UTF-8`,
      found: `${bytes} bytes`,
    });
  }
  const tokens: FilterToken[] = [];
  for (let start = skipSpace(filter, 0); start < filter.length; ) {
    const token = readToken(filter, start);
    tokens.push(token);
    start = skipSpace(filter, token.end);
  }
  return [...tokens, toToken("end", "", filter.length)];
}

function readToken(filter: string, start: number): FilterToken {
  const character = filter.charAt(start);
  if (character === "(" || character === ")" || character === ".") return toToken(character, character, start);
  const time = match(TIME, filter, start);
  if (time !== undefined) return toToken("word", time, start);
  if (character === "-" && /\S/.test(filter.charAt(start + 1))) return toToken("-", "-", start);
  const operator = match(OPERATOR, filter, start);
  if (operator !== undefined) return toToken("operator", operator, start);
  const string = match(STRING, filter, start);
  if (string !== undefined) return toLiteral("string", string.slice(1, -1), { start, end: start + string.length });
  const word = match(WORD, filter, start);
  if (word !== undefined) return toLiteral("word", word, { start, end: start + word.length });
  const isQuote = character === '"' || character === "'";
  throw filterInvalid(start, {
    expected: isQuote ? `a closing ${character}` : "a field, a value or an operator",
    found: isQuote ? "none" : JSON.stringify(character),
  });
}

function toToken(kind: FilterToken["kind"], text: string, start: number): FilterToken {
  return { kind, text, pieces: [text], start, end: start + text.length };
}

function toLiteral(kind: "word" | "string", raw: string, at: { start: number; end: number }): FilterToken {
  const problem = !raw.isWellFormed() ? "a lone surrogate" : raw.includes("\u0000") ? "U+0000" : undefined;
  if (problem !== undefined) throw filterInvalid(at.start, { expected: "well-formed text", found: problem });
  const pieces = [""];
  for (const [part] of raw.matchAll(/\\?./gs)) {
    if (part === "*") pieces.push("");
    else pieces.push(`${pieces.pop()}${part.length === 1 ? part : part.slice(1)}`);
  }
  return { kind, text: pieces.join("*"), pieces, ...at };
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function skipSpace(text: string, at: number): number {
  return at + (match(SPACE, text, at)?.length ?? 0);
}
