import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { until } from "../testing/rigs/until.ts";
import { openStackLog } from "./stack-log.ts";

describe("openStackLog", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-log-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("keeps the lines of one opening and the next", async () => {
    const path = join(directory, "stack.log");
    for (const line of ["one", "two"]) {
      const log = openStackLog(path, expect.fail);
      log.write(line);
      log.end();
      await until("it is written", async () => (await readFile(path, "utf8").catch(() => "")).endsWith(`${line}\n`));
    }
    expect(await readFile(path, "utf8")).to.equal("one\ntwo\n");
  });

  it("says once that the disk is full, and ends nothing", async function () {
    if (process.platform !== "linux") return this.skip();
    const problems: string[] = [];
    // A file that never has space.
    const log = openStackLog("/dev/full", (sentence) => problems.push(sentence));
    log.write("one");
    await until("it says so", () => problems.length > 0);
    log.write("two");
    log.end();
    expect(problems).to.have.lengthOf(1);
    expect(problems[0]).to.match(/^the log \/dev\/full cannot be written any more \(ENOSPC.*\); the stack goes on/);
  });
});
