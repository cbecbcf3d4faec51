import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { stateOf } from "../testing/rigs/service/linux-processes.ts";
import { until } from "../testing/rigs/until.ts";
import { WATCHDOG_LIMITS } from "./watchdog.ts";

const MAIN = fileURLToPath(new URL("../testing/rigs/service/watched-main.ts", import.meta.url));
/** A twentieth of the service's limits, so that a test waits less. */
const LIMITS = { checkEveryMs: 50, missedChecksMax: 10, askMaxMs: 5000 };

describe("startWatchdog", () => {
  const running: ChildProcessWithoutNullStreams[] = [];
  /** Starts a watched process that is ready. */
  const start = async () => {
    const child = spawn(process.execPath, ["--no-warnings", MAIN, JSON.stringify(LIMITS)]);
    running.push(child);
    await once(child.stdout, "data");
    return { child, exited: once(child, "exit"), said: text(child.stderr) };
  };
  afterEach(() => {
    for (const child of running.splice(0)) child.kill("SIGKILL");
  });

  it("ends a process after ten seconds", () => {
    expect(WATCHDOG_LIMITS.checkEveryMs * WATCHDOG_LIMITS.missedChecksMax).to.equal(10_000);
  });

  for (const [letter, how, where] of [
    ["s", "a loop", /standStill \(file:.*watched-main\.ts:\d+\)/],
    ["r", "a regular expression", /at .*watched-main\.ts:\d+\)/],
  ] as const) {
    it(`ends a process whose event loop stands still in ${how}, and says where`, async () => {
      const { child, exited, said } = await start();
      child.stdin.write(letter);
      expect(await exited).to.deep.equal([null, "SIGKILL"]);
      expect(await said).to.match(/the event loop of process \d+ stood still for 0\.5 s/);
      expect(await said).to.match(where);
    });
  }

  it("does not count the time for which a process was stopped, and lets it end by itself", async () => {
    const stopped = await start();
    const other = await start();
    stopped.child.kill("SIGSTOP");
    await until("it is stopped", () => stateOf(stopped.child.pid) === "T");
    // The time is over when another process, which stands still, has been ended.
    other.child.stdin.write("s");
    await other.exited;
    stopped.child.kill("SIGCONT");
    // The process stays alive for another period that would end a process that stands still.
    const third = await start();
    third.child.stdin.write("s");
    await third.exited;
    stopped.child.stdin.write("a");
    expect(String((await once(stopped.child.stdout, "data"))[0])).to.equal("answered\n");
    stopped.child.stdin.write("q");
    expect(await stopped.exited).to.deep.equal([0, null]);
    expect(await stopped.said).to.equal("");
  });
});
