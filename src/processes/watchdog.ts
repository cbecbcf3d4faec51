import { Worker } from "node:worker_threads";

/** When an event loop counts as standing still. */
export interface WatchdogLimits {
  /** How often the watchdog looks, in milliseconds; the event loop shows that it turns twice as often. */
  lookEveryMs: number;
  /** Looks in a row at which the event loop has not turned. */
  looksMax: number;
  /** How long the watchdog tries to learn what stands still before it ends the process, in milliseconds. */
  askMaxMs: number;
}

/** Ten seconds: far more than any request may keep the others waiting, and less than what load balancers wait for. */
export const WATCHDOG_LIMITS: WatchdogLimits = { lookEveryMs: 1000, looksMax: 10, askMaxMs: 1000 };

/** What V8 may take for the thread, so that a mistake in it is bounded; it takes 6 MiB altogether. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, codeRangeSizeMb: 8, stackSizeMb: 1 };

/**
 * Ends this process with SIGKILL when its event loop stands still, so that whoever supervises it starts another, and says on
 * standard error what the event loop was at. Ends it too when its parent is gone: the event loop would hear of that late or
 * never. Only for a process that is started again; it watches until the process ends, and does not keep it from that.
 *
 * A thread of its own looks. It counts its own looks and reads no clock: while the whole process is stopped (SIGSTOP, a
 * machine that sleeps) or gets no processor, the thread does not look either, and that does not count.
 */
export function startWatchdog(limits: WatchdogLimits = WATCHDOG_LIMITS): void {
  const turns = new Int32Array(new SharedArrayBuffer(4));
  const turning = setInterval(() => Atomics.add(turns, 0, 1), limits.lookEveryMs / 2);
  turning.unref();
  // As text, without its types: to load a file of TypeScript would take 15 MiB in place of 6.
  const thread = new Worker(`(${watch})()`, {
    eval: true,
    workerData: { ...limits, turns, parent: process.ppid },
    resourceLimits: THREAD_LIMITS,
    env: {},
    execArgv: [],
  });
  thread.unref();
}

/** The thread's whole program: it knows nothing that stands outside of it. */
function watch(): void {
  const { workerData } = process.getBuiltinModule("node:worker_threads");
  const { lookEveryMs, looksMax, askMaxMs, turns, parent } = workerData as WatchdogLimits & {
    turns: Int32Array;
    parent: number;
  };
  let seen = -1;
  let looks = 0;
  const looking = setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
    const now = Atomics.load(turns, 0);
    looks = now === seen ? looks + 1 : 0;
    seen = now;
    if (looks < looksMax) return;
    clearInterval(looking);
    // The inspector may get no answer, for instance where what stands still is not JavaScript.
    setTimeout(end, askMaxMs, "something other than JavaScript");
    findStack(end);
  }, lookEveryMs);

  function end(what: string): void {
    const sentence = `sluice: the event loop of process ${process.pid} stood still for ${(looksMax * lookEveryMs) / 1000} s, which ends it, in:\n  ${what}\n`;
    process.getBuiltinModule("node:fs").writeSync(2, sentence);
    process.kill(process.pid, "SIGKILL");
  }

  /** Interrupts the main thread; calls back with the innermost functions that it is in. */
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
