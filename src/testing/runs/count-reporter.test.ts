import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import type { TestCounts } from "./count-reporter.ts";

describe("CountReporter", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-count-"));
  after(() => rmSync(folder, { recursive: true }));

  it("reports as usual and appends the counts of the run and what failed", () => {
    const suite = join(folder, "suite.test.mjs");
    const counts = join(folder, "counts");
    writeFileSync(counts, "earlier\n");
    writeFileSync(
      suite,
      `it("passes", () => {});
       it("passes, too", () => {});
       it("fails", () => { throw new Error("as it must"); });
       it("lacks something", function () { this.skip(); });`,
    );
    const mocha = fileURLToPath(new URL("../../../node_modules/mocha/bin/mocha.js", import.meta.url));
    const reporter = fileURLToPath(new URL("count-reporter.ts", import.meta.url));
    const args = [mocha, "--no-config", "--reporter", reporter, "--reporter-option", `counts=${counts}`, suite];
    const env = { ...process.env, MOCHA_OPTIONS: "" };
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", env });
    expect(status).to.equal(1);
    expect(stdout).to.contain("2 passing").and.to.contain("as it must");
    const [earlier, line = ""] = readFileSync(counts, "utf8").split("\n");
    const { slowest, ...sums } = JSON.parse(line) as TestCounts;
    expect([earlier, sums]).to.deep.equal([
      "earlier",
      { passed: 2, failed: 1, skipped: 1, failures: ["fails: as it must"] },
    ]);
    expect(slowest.map(({ file }) => resolve(file))).to.deep.equal([suite]);
  });
});
