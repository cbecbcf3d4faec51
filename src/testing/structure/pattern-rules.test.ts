import { AssertionError, expect } from "chai";
import { findBuiltPatterns, findSlowness, listPatterns } from "./pattern-rules.ts";
import { parseSourceFile, readSourceFiles } from "./source-file.ts";

/** Regular expressions that are judged at once: the checker runs as processes of its own. */
const CHECKS_MAX = 2;

describe("the regular expressions of the code", function () {
  this.timeout(300_000);
  const files = readSourceFiles(new URL("../../../", import.meta.url), ["src"]).filter(({ isTest }) => !isTest);

  it("take time in proportion to the text that they read", async () => {
    const left = listPatterns(files);
    expect(left).to.have.length.above(100);
    const sentences: string[] = [];
    const work = async () => {
      for (let pattern = left.pop(); pattern !== undefined; pattern = left.pop()) {
        const sentence = await findSlowness(pattern);
        if (sentence !== undefined) sentences.push(sentence);
      }
    };
    await Promise.all(Array.from({ length: CHECKS_MAX }, work));
    if (sentences.length > 0) throw new AssertionError(`\n  ${sentences.sort().join("\n  ")}`);
  });

  it("are written as literals", () => {
    const sentences = files.flatMap(findBuiltPatterns);
    if (sentences.length > 0) throw new AssertionError(`\n  ${sentences.join("\n  ")}`);
  });

  it("are found wherever they stand, and judged", async () => {
    const text = String.raw`const a = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i;`;
    const file = parseSourceFile("src/rest/a.ts", `${text}\nf(x.replace(/-+$/, ""), /a+b/);`);
    const [cubic, quadratic, linear, ...more] = listPatterns([file]);
    expect(more).to.deep.equal([]);
    expect(cubic && (await findSlowness(cubic))).to.match(/^src\/rest\/a\.ts:1: .* is 3rd degree polynomial/);
    expect(quadratic && (await findSlowness(quadratic))).to.match(/^src\/rest\/a\.ts:2: .* is 2nd degree polynomial/);
    expect(linear && (await findSlowness({ ...linear, source: "^a+b" }))).to.equal(undefined);
    const built = parseSourceFile("src/rest/a.ts", "const a = new RegExp(b);\nconst c = RegExp(d);");
    expect(findBuiltPatterns(built)).to.have.length(2);
  });
});
