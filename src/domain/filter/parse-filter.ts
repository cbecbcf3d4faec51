import { type SearchWord, toSearchWords } from "../files/search-words.ts";
import type { Comparison, EntryOf, Filter, FilterFields, TextOf } from "./filter.ts";
import { filterInvalid } from "./filter-invalid.ts";
import { type FilterSyntax, parseFilterSyntax } from "./filter-syntax.ts";
import type { FilterToken } from "./filter-tokens.ts";

type Restriction = Extract<FilterSyntax, { kind: "restriction" }>;
type Compared = Restriction & { operator: FilterToken; value: FilterToken };

/**
 * Parses a filter (AIP-160): its syntax, that its fields are among those, that its values are of their types. Undefined for
 * a filter that is empty. Errors: `invalid_argument / FILTER_INVALID` with the column.
 */
export function parseFilter<F extends FilterFields>(filter: string, fields: F): Filter<F> | undefined {
  const syntax = parseFilterSyntax(filter);
  return syntax === undefined ? undefined : toFilter(syntax, fields);
}

function toFilter<F extends FilterFields>(syntax: FilterSyntax, fields: F): Filter<F> {
  switch (syntax.kind) {
    case "and":
    case "or":
      return { kind: syntax.kind, of: syntax.of.map((one) => toFilter(one, fields)) };
    case "not":
      return { kind: "not", of: toFilter(syntax.of, fields) };
    case "restriction":
      if (isCompared(syntax)) return toComparison(syntax, fields);
      if (fields.hasWords) return { kind: "words", words: toWords(syntax.member) };
      throw filterInvalid(syntax.member.at(-1)?.end ?? 0, { expected: "an operator", found: "none" });
  }
}

function isCompared(restriction: Restriction): restriction is Compared {
  return restriction.operator !== undefined && restriction.value !== undefined;
}

/** The words of text without an operator; a "*" at its end makes a prefix of the last. */
function toWords(member: readonly FilterToken[]): SearchWord[] {
  const [first, last] = [member[0], member.at(-1)];
  const start = first?.start ?? 0;
  const stars = member.reduce((sum, { pieces }) => sum + pieces.length - 1, 0);
  const isPrefix = stars === 1 && last?.pieces.at(-1) === "" && toSearchWords(last.text.slice(-2)).length > 0;
  if (stars > 0 && !isPrefix) {
    throw filterInvalid(start, { expected: 'words with no "*" but one that ends the last', found: quote(member) });
  }
  const words = toSearchWords(member.map(({ text }) => text).join("."));
  if (words.length === 0) throw filterInvalid(start, { expected: "a word of letters or digits", found: quote(member) });
  return words.map((text, index) => ({ text, isPrefix: isPrefix && index === words.length - 1 }));
}

function toComparison<F extends FilterFields>({ member, operator, value }: Compared, fields: F): Filter<F> {
  if (operator.text !== "!=") return toPositive({ kind: "restriction", member, operator, value }, fields);
  const equal: Compared = { kind: "restriction", member, operator: { ...operator, text: "=" }, value };
  return { kind: "not", of: toPositive(equal, fields) };
}

function toPositive<F extends FilterFields>({ member, operator, value }: Compared, fields: F): Filter<F> {
  const [head, ...names] = member;
  if (head === undefined) throw new Error("a restriction has no member");
  const map = head.kind === "word" ? find<F["map"][number]>(fields.map, head.text) : undefined;
  if (map !== undefined && names.length > 0) return toText<F>(toEntry<F>(map, names), { operator, value });
  if (names[0] !== undefined)
    throw filterInvalid(head.start, {
      expected: fields.map.length > 0 ? `${fields.map.join(" or ")} before a dot` : "a field without a dot",
      found: quote([head]),
    });
  if (map !== undefined) return toMap<F>(map, { operator, value });
  const isPresence = operator.text === ":" && isStar(value);
  const number = find<F["number"][number]>(fields.number, head.text);
  if (number !== undefined) {
    if (isPresence) return { kind: "present", field: number };
    return { kind: "number", field: number, comparison: toOrder(operator), value: toNumber(value) };
  }
  const time = find<F["time"][number]>(fields.time, head.text);
  if (time !== undefined) {
    if (isPresence) return { kind: "present", field: time };
    return { kind: "time", field: time, comparison: toOrder(operator), value: toTime(value) };
  }
  const flag = find<F["flag"][number]>(fields.flag, head.text);
  if (flag !== undefined) {
    if (isPresence) return { kind: "present", field: flag };
    return { kind: "flag", field: flag, value: toFlag({ operator, value }) };
  }
  const text = find<TextOf<F>>(fields.text, head.text);
  if (text !== undefined) return toText<F>(text, { operator, value });
  const known = [...fields.text, ...fields.number, ...fields.time, ...fields.flag, ...fields.map].join(", ");
  throw filterInvalid(head.start, { expected: `a field of ${fields.resource} (${known})`, found: quote([head]) });
}

function toEntry<F extends FilterFields>(map: F["map"][number], [name, ...more]: readonly FilterToken[]): EntryOf<F> {
  if (more[0] !== undefined)
    throw filterInvalid(more[0].start, { expected: "an operator; quote a name that holds dots", found: quote(more) });
  return { map, name: name?.text ?? "" };
}

/** `labels:team` is true of files that have the label; `labels:*` of those that have any. */
function toMap<F extends FilterFields>(
  map: F["map"][number],
  { operator, value }: Pick<Compared, "operator" | "value">,
): Filter<F> {
  if (operator.text !== ":")
    throw filterInvalid(operator.start, { expected: `":", or a name after ${map}`, found: quote([operator]) });
  return { kind: "present", field: isStar(value) ? map : { map, name: value.text } };
}

function toText<F extends FilterFields>(
  field: TextOf<F> | EntryOf<F>,
  { operator, value }: Pick<Compared, "operator" | "value">,
): Filter<F> {
  if (operator.text === ":" && isStar(value)) return { kind: "present", field };
  // Paths are kept in NFC, and so are compared with it.
  const pieces = field === "path" ? value.pieces.map((piece) => piece.normalize("NFC")) : value.pieces;
  // Contains: any text may stand around it.
  if (operator.text === ":") return { kind: "like", field, pieces: ["", ...pieces, ""] };
  const comparison = toOrder(operator);
  const [text = "", ...more] = pieces;
  if (more.length === 0) return { kind: "text", field, comparison, value: text };
  if (comparison === "=") return { kind: "like", field, pieces };
  const expected = 'a value without "*"; write "\\*" for the character';
  throw filterInvalid(value.start, { expected, found: quote([value]) });
}

function toOrder(operator: FilterToken): Comparison {
  const found = find(["=", "<", "<=", ">", ">="] as const, operator.text);
  if (found !== undefined) return found;
  throw filterInvalid(operator.start, { expected: '=, !=, <, <=, > or >=, or ":*"', found: quote([operator]) });
}

function toNumber(value: FilterToken): number {
  const number = /^-?\d+$/.test(value.text) ? Number(value.text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  const expected = `a whole number within ±${Number.MAX_SAFE_INTEGER}`;
  throw filterInvalid(value.start, { expected, found: quote([value]) });
}

function toFlag({ operator, value }: Pick<Compared, "operator" | "value">): boolean {
  if (operator.text !== "=")
    throw filterInvalid(operator.start, { expected: '= or !=, or ":*"', found: quote([operator]) });
  if (value.text === "true" || value.text === "false") return value.text === "true";
  throw filterInvalid(value.start, { expected: "true or false", found: quote([value]) });
}

const TIME = /^\d{4}-\d{2}-\d{2}(?:[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;

function toTime(value: FilterToken): Date {
  const time = new Date(TIME.test(value.text) ? value.text.toUpperCase() : Number.NaN);
  // Date takes the 30th of February for the 2nd of March.
  const day = new Date(`${value.text.slice(0, 10)}T00:00:00Z`);
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value.text.slice(0, 10));
  if (!Number.isNaN(time.getTime()) && isDay) return time;
  throw filterInvalid(value.start, {
    expected: 'a time like "2026-01-31T12:00:00Z" or a day like 2026-01-31',
    found: quote([value]),
  });
}

function isStar({ pieces }: FilterToken): boolean {
  return pieces.length === 2 && pieces.every((piece) => piece === "");
}

function find<T extends string>(names: readonly T[], name: string): T | undefined {
  return names.find((one) => one === name);
}

function quote(tokens: readonly FilterToken[]): string {
  return JSON.stringify(tokens.map(({ text }) => text).join("."));
}
