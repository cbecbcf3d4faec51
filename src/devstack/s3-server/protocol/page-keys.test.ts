import { expect } from "chai";
import { compareKeys, pageKeys } from "./page-keys.ts";

const all = { prefix: "", delimiter: "", after: "", pageSize: 1000 };

describe("pageKeys", () => {
  const keys = ["b/2", "a", "b/1", "c/d/e", "b", "c/f"];

  it("orders keys by their UTF-8 bytes", () => {
    // U+FF5E is a single code unit above the surrogates that make up the emoji, and yet below it in UTF-8.
    const odd = ["\u{1f600}", "\uff5e", "z", "é"];
    expect(pageKeys(odd, all).entries.map((entry) => entry.text)).to.deep.equal(["z", "é", "\uff5e", "\u{1f600}"]);
    const byBytes = [...odd].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...odd].sort(compareKeys)).to.deep.equal(byBytes);
  });

  it("rolls keys up to common prefixes behind the prefix", () => {
    const page = pageKeys(keys, { ...all, delimiter: "/" });
    expect(page.entries.map((entry) => entry.text)).to.deep.equal(["a", "b", "b/", "c/"]);
    const inner = pageKeys(keys, { ...all, delimiter: "/", prefix: "c/" });
    expect(inner.entries).to.deep.equal([
      { text: "c/d/", isPrefix: true },
      { text: "c/f", isPrefix: false },
    ]);
  });

  for (const delimiter of ["", "/"]) {
    it(`gives the same entries page by page with delimiter ${JSON.stringify(delimiter)}`, () => {
      const whole = pageKeys(keys, { ...all, delimiter }).entries;
      const paged: unknown[] = [];
      for (let after = "", more = true; more; ) {
        const page = pageKeys(keys, { ...all, delimiter, after, pageSize: 1 });
        paged.push(...page.entries);
        after = page.entries.at(-1)?.text ?? "";
        more = page.isTruncated;
      }
      expect(paged).to.deep.equal(whole);
    });
  }

  it("gives an empty page when asked for one", () => {
    expect(pageKeys(keys, { ...all, pageSize: 0 })).to.deep.equal({ entries: [], isTruncated: false });
  });
});
