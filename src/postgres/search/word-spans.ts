import type { SearchWord } from "../../domain/files/search-words.ts";
import type { TableStatistics } from "./table-statistics.ts";

/*
 * The index file_search_spans holds each word with the span of 16,384 s that its file was created in, as five hexadecimal
 * digits. A prefix of these is 16, 256 … spans. A search reads from one end of time: a span, gathered by its words, after the
 * other, each so wide that it is expected to hold about a page and no more entries than are soon read; the statement stops
 * when the page is full. What a page may read is bounded, so that words which are common, but seldom together, give pages that
 * are not full.
 */

/** Microseconds of a span: 16,384 s. The schema's file_search_spans says the same. */
const SPAN_MICROSECONDS = 16_384 * 1_000_000;
const SPAN_DIGITS = 5;
const SPAN_LAST = 16 ** SPAN_DIGITS - 1;
/**
 * Entries that a prefix of spans is expected to hold at most. Those of a whole span are merged as they are read; those of a
 * prefix are gathered into bitmaps before, which takes ten times as long, and is shorter only for so few.
 */
const PREFIX_ENTRIES_MAX = 800;
/** The cost that a page may have, in entries of a prefix (0.3 µs each were measured): some 4 ms. */
const PAGE_COST_MAX = 12_000;
/** The cost of beginning with a span, and of reading an entry of a whole span, in the same unit. */
const SPAN_COST = 50;
const ENTRY_COST = 0.1;
/** Spans of a page. */
const PAGE_SPANS_MAX = 400;
/** How many words the index is asked for, the rarest ones; the files that it finds are then searched for the others. */
const SPAN_WORDS_MAX = 4;

/** Which spans a page gathers, in its order. */
export interface SpanPlan {
  /** Texts of a tsquery of `file_search_spans`, one a span. */
  queries: string[];
  /** Where the next page begins if this one comes to its end: in microseconds, the time before which, or from which on, it is. */
  end: number | undefined;
}

/** The words of a search and the times that are left to search: `newest` and `oldest` are their ends, in microseconds. */
export interface SpanSearch {
  words: readonly SearchWord[];
  namespace: string;
  limit: number;
  isDescending: boolean;
  newest: number;
  oldest: number;
}

/** The words that the index is asked for in a span; none where all are beginnings of words. */
export function toSpanWords(statistics: TableStatistics, words: readonly SearchWord[]): SearchWord[] {
  return words
    .filter(({ isPrefix }) => !isPrefix)
    .sort((a, b) => statistics.wordPart(a) - statistics.wordPart(b))
    .slice(0, SPAN_WORDS_MAX);
}

/** Plans a page of a search that has at least one whole word. */
export function planSpans(statistics: TableStatistics, search: SpanSearch): SpanPlan {
  const { isDescending, limit } = search;
  const words = toSpanWords(statistics, search.words);
  const parts = words.map((word) => statistics.wordPart(word));
  const matchPart = parts.reduce((product, part) => product * part, statistics.namespacePart(search.namespace));
  const entryPart = parts.reduce((sum, part) => sum + part, 0);
  const [first, last] = isDescending ? [search.newest, search.oldest] : [search.oldest, search.newest];
  const lastSpan = toSpan(last);
  const queries: string[] = [];
  let cost = 0;
  let span = toSpan(first);
  for (;;) {
    const digits = chooseDigits(span, (files) => files * matchPart <= limit && files * entryPart <= PREFIX_ENTRIES_MAX);
    const [from, to] = toBlock(span, digits);
    cost += SPAN_COST + countFiles(from, to) * entryPart * (digits === SPAN_DIGITS ? ENTRY_COST : 1);
    queries.push(toSpanQuery(words, toDigits(span).slice(0, digits)));
    if (isDescending ? from <= lastSpan : to >= lastSpan) return { queries, end: undefined };
    span = isDescending ? from - 1 : to + 1;
    if (cost >= PAGE_COST_MAX || queries.length >= PAGE_SPANS_MAX)
      return { queries, end: (isDescending ? from : to + 1) * SPAN_MICROSECONDS };
  }

  /** The widest block of spans around one span whose cost is within the bound. */
  function chooseDigits(around: number, isFine: (files: number) => boolean): number {
    for (let digits = 1; digits < SPAN_DIGITS; digits++)
      if (isFine(countFiles(...toBlock(around, digits)))) return digits;
    return SPAN_DIGITS;
  }

  /** About how many of the files created in some spans are still to come. */
  function countFiles(from: number, to: number): number {
    const start = Math.max(from * SPAN_MICROSECONDS, search.oldest);
    const end = Math.min((to + 1) * SPAN_MICROSECONDS, search.newest + 1);
    const [above, below] = [statistics.rank("create_time", end), statistics.rank("create_time", start)];
    const part = above === undefined || below === undefined ? 1 : Math.max(0, above - below);
    return statistics.files * part;
  }
}

/** How many files a page of words is expected to read when it gathers spans, none narrower than the narrowest one. */
export function estimateSpanFiles(statistics: TableStatistics, search: SpanSearch): number {
  const { words, namespace, limit, isDescending, newest, oldest } = search;
  const matchPart = words.reduce((product, word) => product * statistics.wordPart(word), 1);
  const start = toSpan(isDescending ? newest : oldest) * SPAN_MICROSECONDS;
  const [below, above] = [
    statistics.rank("create_time", start),
    statistics.rank("create_time", start + SPAN_MICROSECONDS),
  ];
  const part = above === undefined || below === undefined ? 1 : above - below;
  return Math.max(limit, statistics.files * part * matchPart * statistics.namespacePart(namespace));
}

/** The number of the span of a time, in microseconds. */
function toSpan(microseconds: number): number {
  return Math.min(SPAN_LAST, Math.max(0, Math.floor(microseconds / SPAN_MICROSECONDS)));
}

/** The first and the last span of those that share so many digits with a given span. */
function toBlock(span: number, digits: number): [number, number] {
  const size = 16 ** (SPAN_DIGITS - digits);
  const from = Math.floor(span / size) * size;
  return [from, from + size - 1];
}

function toDigits(span: number): string {
  return span.toString(16).padStart(SPAN_DIGITS, "0");
}

/** The text of a tsquery for words in the spans whose digits begin so. Words are letters and digits only, so that quotes hold them. */
export function toSpanQuery(words: readonly SearchWord[], digits: string): string {
  const end = digits.length === SPAN_DIGITS ? "" : ":*";
  // The beginning of a word is followed by more of it, or by its span.
  return words.map(({ text, isPrefix }) => (isPrefix ? `'${text}':*` : `'${text}@${digits}'${end}`)).join(" & ");
}
