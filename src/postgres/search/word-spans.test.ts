import { expect } from "chai";
import type { TableStatistics } from "./table-statistics.ts";
import { estimateSpanFiles, planSpans, type SpanSearch, toSpanQuery, toSpanWords } from "./word-spans.ts";

const SPAN_MS = 16_384_000;
const FIRST_SPAN = 0x19000;
const SPANS = 4096;
const toMicroseconds = (span: number) => span * SPAN_MS * 1000;
const word = (text: string, isPrefix = false) => ({ text, isPrefix });

describe("planSpans", () => {
  const parts: Record<string, number> = { all: 1, common: 0.05, often: 0.03, seldom: 0.002, rare: 0.00001 };
  /** Files that were made as often at any time of the 4,096 spans. */
  const statistics: TableStatistics = {
    files: 10_000_000,
    labels: 0,
    namespacePart: () => 1,
    labelPart: () => 0,
    wordPart: ({ text }) => parts[text] ?? 0,
    rank: (_field, value) => (value - toMicroseconds(FIRST_SPAN)) / toMicroseconds(SPANS),
  };
  const search: SpanSearch = {
    words: [word("common")],
    namespace: "default",
    limit: 101,
    isDescending: true,
    oldest: toMicroseconds(FIRST_SPAN),
    newest: toMicroseconds(FIRST_SPAN + SPANS) - 1,
  };

  it("begins with the newest span, or the oldest, and covers all in between once", () => {
    for (const isDescending of [true, false]) {
      const covered: number[] = [];
      let place = search;
      for (let pages = 0; ; pages++) {
        expect(pages).to.be.below(1000);
        const plan = planSpans(statistics, { ...place, isDescending });
        for (const query of plan.queries) covered.push(...toSpans(query, isDescending));
        if (plan.end === undefined) break;
        place = isDescending ? { ...place, newest: plan.end - 1 } : { ...place, oldest: plan.end };
      }
      const all = Array.from({ length: SPANS }, (_, index) => FIRST_SPAN + index);
      expect(covered).to.deep.equal(isDescending ? all.reverse() : all);
    }
  });

  it("takes spans as wide as a page needs, and no wider than is soon read", () => {
    const widthOf = (words: string[]) => {
      const plan = planSpans(statistics, { ...search, words: words.map((text) => word(text)) });
      return toSpans(plan.queries[0] ?? "", true).length;
    };
    expect(widthOf(["common"]), "a span has more than a page").to.equal(1);
    expect(widthOf(["common", "often"]), "few files, but thousands of entries in a prefix").to.equal(1);
    expect(widthOf(["seldom"]), "some 80 files, and entries, in 16 spans").to.equal(16);
    expect(widthOf(["seldom", "seldom", "seldom"]), "no file, but 4,000 entries in 256 spans").to.equal(16);
    expect(widthOf(["rare"])).to.equal(SPANS);
    expect(widthOf(["common", "rare"]), "the common word's entries are read as well").to.equal(1);
  });

  it("ends a page that has read enough, where the next one begins", () => {
    const words = [word("common"), word("often"), word("common")];
    const { queries, end } = planSpans(statistics, { ...search, words });
    expect(queries.length).to.be.within(100, 200);
    expect(end).to.equal(toMicroseconds(FIRST_SPAN + SPANS - queries.length));
  });

  it("bounds the spans of a page where nothing is known of the files", () => {
    const unknown = { ...statistics, files: 0, rank: () => undefined };
    expect(planSpans(unknown, search)).to.deep.equal({ queries: ["'common@1':*"], end: undefined });
    const crowded = { ...statistics, rank: () => undefined };
    const plan = planSpans(crowded, { ...search, words: [word("rare")], newest: toMicroseconds(FIRST_SPAN + 5) });
    expect(plan.queries).to.deep.equal(["'rare@1':*"]);
  });

  it("takes times before 1970 and after 2514 into its first and last span", () => {
    const ends = { oldest: -1, newest: toMicroseconds(0x100000) };
    const query = { ...search, ...ends, words: [word("common")] };
    const crowded = { ...statistics, rank: () => undefined };
    expect(planSpans(crowded, query).queries[0]).to.equal("'common@fffff'");
    expect(planSpans(crowded, { ...query, isDescending: false }).queries[0]).to.equal("'common@00000'");
    expect(planSpans(crowded, { ...query, newest: -1 }).end, "nothing is before it").to.equal(undefined);
  });

  it("asks for the rarest whole words, of four at most", () => {
    const words = ["all", "common", "often", "rare", "none"].map((text) => word(text));
    expect(toSpanWords(statistics, words).map(({ text }) => text)).to.deep.equal(["none", "rare", "often", "common"]);
    expect(toSpanWords(statistics, [word("com", true)])).to.deep.equal([]);
    expect(toSpanQuery([word("a"), word("b", true)], "1a9f3")).to.equal("'a@1a9f3' & 'b':*");
    expect(toSpanQuery([word("a")], "")).to.equal("'a@':*");
  });

  it("expects at least a page of files, and all of a span's that match", () => {
    expect(estimateSpanFiles(statistics, search)).to.be.closeTo((10_000_000 / SPANS) * 0.05, 0.1);
    expect(estimateSpanFiles(statistics, { ...search, words: [word("rare")] })).to.equal(101);
    expect(estimateSpanFiles({ ...statistics, rank: () => undefined }, search)).to.equal(500_000);
  });

  /** The spans of a query for one word or more, as far as there are files in them, in the order of the page. */
  function toSpans(query: string, isDescending: boolean): number[] {
    const digits = /@([0-9a-f]*)'/.exec(query)?.[1] ?? "";
    const size = 16 ** (5 - digits.length);
    const from = Number.parseInt(digits.padEnd(5, "0"), 16);
    const spans = Array.from({ length: size }, (_, index) => from + index);
    const inside = spans.filter((span) => span >= FIRST_SPAN && span < FIRST_SPAN + SPANS);
    return isDescending ? inside.reverse() : inside;
  }
});
