import { AssertionError, expect } from "chai";
import { expectLinear, readOwnFiles } from "./linear-patterns.ts";
import { findBuiltPatterns, findSlowness, listPatterns } from "./pattern-rules.ts";
import { parseSourceFile } from "./source-file.ts";

const OUTSIDERS_ROOMS = /^src\/(auth|commands|ingest|domain|queries|receivers|rest|rpc|s3)\//;

describe("the regular expressions of the code", () => {
  const files = readOwnFiles();

  it("take time in proportion to the text that they read, where outsiders write the text", async () => {
    // The second tier judges all rooms: some expressions take the checker seconds.
    await expectLinear(listPatterns(files.filter(({ path }) => OUTSIDERS_ROOMS.test(path))));
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
