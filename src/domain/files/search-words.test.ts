import { expect } from "chai";
import { SEARCH_WORD_MAX_CHARACTERS, toSearchWords } from "./search-words.ts";

describe("toSearchWords", () => {
  for (const [text, words] of [
    ["", []],
    ["-/._ ", []],
    ["Reports/2026/invoice-0042_final.PDF", ["reports", "2026", "invoice", "0042", "final", "pdf"]],
    ["U\u0308ber\u2014Größe", ["\u00fcber", "größe"]],
    ["ΟΔΟΣ 中文、日本", ["οδος", "中文", "日本"]],
    ["עברית \u{1f600}x", ["עברית", "\u{1f600}x"]],
    ["it's 'a' & !b | c:*", ["it", "s", "a", "b", "c"]],
  ] as const) {
    it(`finds ${JSON.stringify(words)} in ${JSON.stringify(text)}`, () => {
      expect(toSearchWords(text)).to.deep.equal(words);
    });
  }

  it("cuts a word by characters, not in the middle of one", () => {
    const long = "\u{1f600}".repeat(SEARCH_WORD_MAX_CHARACTERS);
    expect(toSearchWords(`${long}b`)).to.deep.equal([long]);
  });
});
