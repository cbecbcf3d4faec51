import { Worker } from "node:worker_threads";

/** When an event loop counts as standing still. */
export interface WatchdogLimits {
  /** Interval at which the watchdog checks, in milliseconds. The event loop counts its turns twice as often. */
  checkEveryMs: number;
  /** Checks in a row at which the event loop has not turned. */
  missedChecksMax: number;
  /** How long the watchdog tries to find out the reason before it ends the process, in milliseconds. */
  askMaxMs: number;
}

/** Ten seconds: far more than any request may keep the others waiting, and less than what load balancers wait for. */
export const WATCHDOG_LIMITS: WatchdogLimits = { checkEveryMs: 1000, missedChecksMax: 10, askMaxMs: 1000 };

/** Memory that V8 may take for the thread, so that a defect in it is bounded; the thread takes 6 MiB altogether. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, codeRangeSizeMb: 8, stackSizeMb: 1 };

/**
 * Ends this process with SIGKILL when its event loop stands still, so that its supervisor starts another, and writes to
 * standard error the functions that the event loop was in. It also ends the process when its parent is gone: the event loop
 * would notice that late or never. It is meant only for a process that is started again. It watches until the process ends,
 * and does not keep the process alive.
 *
 * A separate thread does the checks. It counts them and reads no clock: while the whole process is stopped (SIGSTOP, a
 * machine that sleeps) or gets no processor, the thread does not check either, and that time does not count.
 */
export function startWatchdog(limits: WatchdogLimits = WATCHDOG_LIMITS): void {
  const turns = new Int32Array(new SharedArrayBuffer(4));
  const turning = setInterval(() => Atomics.add(turns, 0, 1), limits.checkEveryMs / 2);
  turning.unref();
  // The thread gets its code as text without types: loading a TypeScript file would take 15 MiB instead of 6.
  const thread = new Worker(`(${watch})()`, {
    eval: true,
    workerData: { ...limits, turns, parent: process.ppid },
    resourceLimits: THREAD_LIMITS,
    env: {},
    execArgv: [],
  });
  thread.unref();
}

/** The thread's whole program; it refers to nothing outside of it. */
function watch(): void {
  const { workerData } = process.getBuiltinModule("node:worker_threads");
  const { checkEveryMs, missedChecksMax, askMaxMs, turns, parent } = workerData as WatchdogLimits & {
    turns: Int32Array;
    parent: number;
  };
  let seen = -1;
  let missedChecks = 0;
  const checking = setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
    const now = Atomics.load(turns, 0);
    missedChecks = now === seen ? missedChecks + 1 : 0;
    seen = now;
    if (missedChecks < missedChecksMax) return;
    clearInterval(checking);
    // The inspector may get no answer, for instance when native code stands still.
    setTimeout(end, askMaxMs, "something other than JavaScript");
    findStack(end);
  }, checkEveryMs);

  function end(what: string): void {
    const sentence = `sluice: the event loop of process ${process.pid} stood still for ${(missedChecksMax * checkEveryMs) / 1000} s, so it is killed; it was in:\n  ${what}\n`;
    process.getBuiltinModule("node:fs").writeSync(2, sentence);
    process.kill(process.pid, "SIGKILL");
  }

  /** Interrupts the main thread, and calls back with the innermost functions that it is in. */
  function findStack(done: (stack: string) => void): void {
    const { Session } = process.getBuiltinModule("node:inspector");
    const session = new Session();
    session.connectToMainThread();
    const urls = new Map<string, string>();
    session.on("Debugger.scriptParsed", ({ params }) => urls.set(params.scriptId, params.url));
    session.on("Debugger.paused", ({ params: { callFrames } }) => {
      const lines = callFrames.slice(0, 10).map(({ functionName, location: { scriptId, lineNumber } }) => {
        return `at ${functionName || "<anonymous>"} (${urls.get(scriptId)}:${lineNumber + 1})`;
      });
      done(lines.join("\n  "));
    });
    session.post("Debugger.enable");
    session.post("Debugger.pause");
  }
}
