import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";

const ROOT = new URL("../", import.meta.url);
const { scripts } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8")) as {
  scripts: Record<string, string>;
};
const BENCHES = Object.entries(scripts).flatMap(([name, line]) => {
  const [, file] = /^node (bench\/\S+\.ts)$/.exec(line) ?? [];
  return file === undefined ? [] : [{ name, url: new URL(file, ROOT).href }];
});

const run = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, args, { cwd: fileURLToPath(ROOT) })).stdout;

describe("the scripts of benchmarks", () => {
  it("all start, and say how they are used", async () => {
    const code = BENCHES.map(({ url }) => `await import("${url}");`).join("");
    const said = await run("--input-type=module", "--eval", code, "--", "eval", "--help");
    for (const { name } of BENCHES) expect(said).to.include(`usage: npm run ${name} -- [options]`);
    expect(BENCHES.length).to.be.above(5);
  });

  it("measure and print a table: an upload of some MiB through the floor", async function () {
    if (process.platform !== "linux") {
      console.log("    skipped: CPU time is read from /proc, which only Linux has");
      return this.skip();
    }
    const said = await run("bench/upload.ts", ..."--only floor --rounds 1 --gib 0.01 --warm-up-mib 0".split(" "));
    expect(said).to.match(/^\| floor \(bare relay\) \|(?: +[\d.]+ \|){4}/m);
  });
});
