import type { Worker } from "node:cluster";
import { EventEmitter } from "node:events";
import { expect } from "chai";
import { stopWorker } from "./supervise.ts";

describe("stopWorker", () => {
  /** A worker that a test ends, and the signals that it got. */
  class EndingWorker extends EventEmitter {
    readonly id = 1;
    readonly signals: string[] = [];
    readonly process = { kill: (signal: string) => this.signals.push(signal) };
    isDead = () => false;
  }

  it("waits for the end of a worker that a message did not reach meanwhile", async () => {
    const worker = new EndingWorker();
    worker.on("error", () => {});
    let isStopped = false;
    const stopping = stopWorker(worker as unknown as Worker, { timeoutMs: 60_000, log: () => {} }).then(() => {
      isStopped = true;
    });
    worker.emit("error", new Error("write EPIPE"));
    await new Promise(setImmediate);
    expect(isStopped).to.equal(false);
    worker.emit("exit", 0, null);
    await stopping;
    expect(worker.signals).to.deep.equal(["SIGTERM"]);
  });

  it("kills a worker that does not end in time", async () => {
    const worker = new EndingWorker();
    const lines: string[] = [];
    const stopping = stopWorker(worker as unknown as Worker, {
      timeoutMs: 1,
      log: (_level, _fields, message) => lines.push(message),
    });
    await new Promise<void>((resolve) => {
      worker.process.kill = (signal) => {
        if (signal === "SIGKILL") resolve();
        return worker.signals.push(signal);
      };
    });
    worker.emit("exit", null, "SIGKILL");
    await stopping;
    expect(worker.signals).to.deep.equal(["SIGTERM", "SIGKILL"]);
    expect(lines).to.deep.equal(["a worker has not ended in time, and is killed"]);
  });
});
