import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";
import { readProcessUsage } from "./process-usage.ts";

describe("readProcessUsage", () => {
  before(function () {
    if (process.platform === "linux") return;
    console.log("skipped: there is no /proc on this system");
    this.skip();
  });

  it("counts the processor time this process burns", () => {
    const before = readProcessUsage(process.pid).cpuSeconds;
    const begun = process.cpuUsage();
    const burnt = () => process.cpuUsage(begun).user / 1e6;
    while (burnt() < 0.1);
    // A tick of the kernel's clock is 10 ms.
    expect(readProcessUsage(process.pid).cpuSeconds - before).to.be.at.least(0.08);
  });

  it("adds living children to their parent", async () => {
    const alone = readProcessUsage(process.pid).peakRssBytes;
    const child = spawn(process.execPath, ["-e", "process.stdin.resume(); console.log('up')"]);
    await once(child.stdout, "data");
    const together = readProcessUsage(process.pid).peakRssBytes;
    child.stdin.end();
    await once(child, "exit");
    expect(together - alone).to.be.greaterThan(10 * 1024 ** 2);
  });

  it("fails for a process that is gone", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    expect(() => readProcessUsage(child.pid!)).to.throw("ENOENT");
  });
});
