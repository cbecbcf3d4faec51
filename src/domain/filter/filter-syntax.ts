import { filterInvalid } from "./filter-invalid.ts";
import { type FilterToken, tokenizeFilter } from "./filter-tokens.ts";

/** How deep parentheses may lie in each other. */
export const FILTER_NESTING_MAX = 32;
/** How many comparisons and words a filter may hold. */
export const FILTER_TERMS_MAX = 100;

/** A filter as it is written; the parser does not know what its names and values mean. */
export type FilterSyntax =
  | { kind: "and" | "or"; of: readonly FilterSyntax[] }
  | { kind: "not"; of: FilterSyntax }
  /** A term without an operator is text to search for. */
  | { kind: "restriction"; member: readonly FilterToken[]; operator?: FilterToken; value?: FilterToken };

interface Cursor {
  tokens: readonly FilterToken[];
  at: number;
  depth: number;
  terms: number;
}

/**
 * Parses AIP-160 (https://google.aip.dev/160): OR binds tighter than AND, which may be left out. Functions are not known.
 * Undefined for a filter without a term. The recursion is as deep as the parentheses, which are bounded. Errors:
 * `invalid_argument / FILTER_INVALID`.
 */
export function parseFilterSyntax(filter: string): FilterSyntax | undefined {
  const cursor: Cursor = { tokens: tokenizeFilter(filter), at: 0, depth: 0, terms: 0 };
  if (peek(cursor).kind === "end") return undefined;
  const syntax = parseExpression(cursor);
  if (peek(cursor).kind !== "end") throw refuse(peek(cursor), "AND, OR, a term or the end of the filter");
  return syntax;
}

function parseExpression(cursor: Cursor): FilterSyntax {
  const of = [parseFactor(cursor)];
  for (;;) {
    const token = peek(cursor);
    if (isKeyword(token, "AND")) cursor.at++;
    else if (token.kind === "end" || token.kind === ")") return join("and", of);
    of.push(parseFactor(cursor));
  }
}

function parseFactor(cursor: Cursor): FilterSyntax {
  const of = [parseTerm(cursor)];
  while (isKeyword(peek(cursor), "OR")) {
    cursor.at++;
    of.push(parseTerm(cursor));
  }
  return join("or", of);
}

function join(kind: "and" | "or", of: readonly FilterSyntax[]): FilterSyntax {
  const [only] = of;
  return of.length === 1 && only !== undefined ? only : { kind, of };
}

function parseTerm(cursor: Cursor): FilterSyntax {
  const token = peek(cursor);
  if (token.kind !== "-" && !isKeyword(token, "NOT")) return parseSimple(cursor);
  cursor.at++;
  return { kind: "not", of: parseSimple(cursor) };
}

function parseSimple(cursor: Cursor): FilterSyntax {
  const opening = peek(cursor);
  if (opening.kind !== "(") return parseRestriction(cursor);
  if (++cursor.depth > FILTER_NESTING_MAX)
    throw refuse(opening, `at most ${FILTER_NESTING_MAX} parentheses in each other`);
  cursor.at++;
  const syntax = parseExpression(cursor);
  const closing = peek(cursor);
  if (closing.kind !== ")") throw refuse(closing, 'a closing ")"');
  cursor.at++;
  cursor.depth--;
  return syntax;
}

function parseRestriction(cursor: Cursor): FilterSyntax {
  const first = peek(cursor);
  if (++cursor.terms > FILTER_TERMS_MAX) throw refuse(first, `at most ${FILTER_TERMS_MAX} terms`);
  const member = parseMember(cursor, "a field, a word or a quoted text");
  const operator = peek(cursor);
  if (operator.kind === "(" && operator.start === cursor.tokens[cursor.at - 1]?.end)
    throw refuse(operator, "an operator: functions are not known");
  if (operator.kind !== "operator") return { kind: "restriction", member };
  cursor.at++;
  return { kind: "restriction", member, operator, value: parseValue(cursor) };
}

/** Names joined by dots, without spaces between them. */
function parseMember(cursor: Cursor, expected: string): FilterToken[] {
  const member: FilterToken[] = [];
  for (;;) {
    const token = peek(cursor);
    if ((token.kind !== "word" && token.kind !== "string") || (member.length === 0 && isAnyKeyword(token)))
      throw refuse(token, member.length === 0 ? expected : "a name after the dot");
    member.push(token);
    cursor.at++;
    const dot = peek(cursor);
    if (dot.kind !== "." || dot.start !== token.end) return member;
    cursor.at++;
  }
}

/** A value; bare ones may hold dots, and a sign at the beginning. */
function parseValue(cursor: Cursor): FilterToken {
  const sign = peek(cursor);
  if (sign.kind === "-") cursor.at++;
  const parts = parseMember(cursor, "a value");
  const [first] = parts;
  if (first === undefined || (first.kind === "string" && sign.kind === "-")) throw refuse(sign, "a value");
  if (parts.length === 1 && sign.kind !== "-") return first;
  const joined = [...(sign.kind === "-" ? ["-"] : []), parts.map(({ text }) => text).join(".")].join("");
  return {
    kind: "word",
    text: joined,
    pieces: joinPieces(sign, parts),
    start: sign.start,
    end: parts.at(-1)?.end ?? 0,
  };
}

function joinPieces(sign: FilterToken, parts: readonly FilterToken[]): string[] {
  const pieces = [sign.kind === "-" ? "-" : ""];
  for (const [index, part] of parts.entries()) {
    const [head = "", ...rest] = part.pieces;
    pieces.push(`${pieces.pop()}${index === 0 ? "" : "."}${head}`, ...rest);
  }
  return pieces;
}

function peek({ tokens, at }: Cursor): FilterToken {
  const token = tokens[at];
  if (token === undefined) throw new Error("a filter was read beyond its end");
  return token;
}

function isKeyword(token: FilterToken, keyword: string): boolean {
  return token.kind === "word" && token.text === keyword;
}

function isAnyKeyword(token: FilterToken): boolean {
  return ["AND", "OR", "NOT"].some((keyword) => isKeyword(token, keyword));
}

function refuse(token: FilterToken, expected: string): Error {
  return filterInvalid(token.start, { expected, found: token.kind === "end" ? "the end" : JSON.stringify(token.text) });
}
