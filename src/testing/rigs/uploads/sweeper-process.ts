import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { OrphanSweepResult } from "../../../jobs/sweep-orphans.ts";
import type { SweepResult } from "../../../jobs/sweep-uploads.ts";
import type { SweeperOptions } from "./test-sweeper.ts";

const MAIN = fileURLToPath(new URL("./sweeper-main.ts", import.meta.url));

/** The results of both sweeps of a process. */
export type SweeperReport = Omit<SweepResult, "errors"> &
  Omit<OrphanSweepResult, "errors"> & {
    errors: string[];
    /** The time of its clock, in milliseconds since the epoch. */
    now: number;
  };

/** A sweeper as a process of its own, which sweeps once. */
export interface SweeperProcess {
  /** Resolves when it has ended; rejects with its last words when it failed. */
  report: Promise<SweeperReport>;
  /** kill -9. */
  kill(): Promise<void>;
}

/** Settings of Node with which a process believes that it is `shiftMs` later than it is. */
export function shiftClock(shiftMs: number): { NODE_OPTIONS: string } {
  const source = `const Real = Date;
    globalThis.Date = class Date extends Real {
      constructor(...args) { if (args.length === 0) super(Real.now() + ${shiftMs}); else super(...args); }
      static now() { return Real.now() + ${shiftMs}; }
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(source)}` };
}

/** Starts one, with a clock that is `shiftMs` off. */
export function startSweeperProcess(options: SweeperOptions, shiftMs = 0): SweeperProcess {
  const { PATH, NODE_V8_COVERAGE } = process.env;
  const child = spawn(process.execPath, [MAIN, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH, NODE_V8_COVERAGE, ...shiftClock(shiftMs) },
  });
  const exited = once(child, "exit");
  const report = readReport(child, exited);
  report.catch(() => {});
  return {
    report,
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function readReport(child: ChildProcess, exited: Promise<unknown[]>): Promise<SweeperReport> {
  const [out, err, [code, signal]] = await Promise.all([text(child.stdout!), text(child.stderr!), exited]);
  if (code !== 0) throw new Error(`the sweeper ended with ${code ?? signal}: ${err}`);
  return JSON.parse(out) as SweeperReport;
}
