import { Worker } from "node:worker_threads";
import { DomainError, type ErrorCode, type ErrorContext } from "../domain/errors.ts";
import { WorkLimiter, type WorkLimits } from "../domain/limits/work-limiter.ts";
import type { GeneratedConfiguration, GenerateRequest } from "./generate-from-settings.ts";

/** Limits of the resources that configurations may take of a process. */
export interface GenerationLimits extends WorkLimits {
  /** Time for one configuration, in milliseconds, from the start of its thread. */
  timeMaxMs: number;
  /** Heap of its thread, in MiB. */
  heapMaxMib: number;
}

/**
 * One configuration is generated at a time, because a person asks for one now and then. All services of an account take 0.4 s
 * of a core and 40 MiB, including the code that is loaded for them. Settings of 64 KiB take a second at most; the rest of the
 * limit is for a machine that is busy with other work.
 */
export const GENERATION_LIMITS: GenerationLimits = {
  runningMax: 1,
  waitingMax: 20,
  timeMaxMs: 20_000,
  heapMaxMib: 128,
};

/** The answer of the thread. */
export type GenerationOutcome =
  | { kind: "generated"; configuration: GeneratedConfiguration }
  | { kind: "refused"; code: ErrorCode; message: string; context: ErrorContext };

/** Generates the configuration that a caller asks for. */
export type Generate = (
  request: GenerateRequest,
  options: { caller: string; signal: AbortSignal },
) => Promise<GeneratedConfiguration>;

const RETRY_MS = 10_000;
const ENTRY = new URL("./generation-thread.ts", import.meta.url);

/**
 * Generates configurations apart from the thread that serves callers, each on a thread of its own. The thread ends when its
 * caller hangs up, when its time is over, and with the process: whatever settings cost, other callers do not pay for it.
 * Rejects with `invalid_argument / CONFIGURATION_INVALID` for invalid settings, with `resource_exhausted / OVERLOADED` when
 * too many wait or when time or heap is not enough, and with the signal's reason. `entry` is for tests.
 */
export function createGenerator(limits: GenerationLimits, entry = ENTRY): Generate {
  const limiter = new WorkLimiter("configurations", limits);
  return async (request, { caller, signal }) => {
    const outcome = await limiter.run(caller, () => runThread(entry, { request, limits, signal }), { signal });
    if (outcome.kind === "generated") return outcome.configuration;
    throw new DomainError(outcome.code, outcome.message, outcome.context);
  };
}

/** Runs the thread. Resolves when the thread is gone, so that none is left when the next one begins. */
async function runThread(
  entry: URL,
  { request, limits, signal }: { request: GenerateRequest; limits: GenerationLimits; signal: AbortSignal },
): Promise<GenerationOutcome> {
  const { timeMaxMs, heapMaxMib } = limits;
  const resourceLimits = { maxOldGenerationSizeMb: heapMaxMib };
  const thread = new Worker(entry, { workerData: request, resourceLimits, name: "sluice-configuration" });
  const end = () => void thread.terminate();
  signal.addEventListener("abort", end, { once: true });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeMaxMs);
  try {
    return await new Promise<GenerationOutcome>((resolve, reject) => {
      let outcome: GenerationOutcome | undefined;
      let failure: unknown;
      thread.on("message", (message: GenerationOutcome) => {
        outcome = message;
      });
      thread.on("error", (error) => {
        failure = isOutOfHeap(error) ? tooMuch(`${heapMaxMib} MiB of memory`) : error;
      });
      thread.on("exit", (code) => {
        if (outcome !== undefined) resolve(outcome);
        else if (signal.aborted) reject(signal.reason);
        else if (isLate) reject(tooMuch(`${timeMaxMs} ms`));
        else reject(failure ?? new Error(`the thread of a configuration ended with ${code} and without an answer`));
      });
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

function isOutOfHeap(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_WORKER_OUT_OF_MEMORY";
}

function tooMuch(what: string): DomainError {
  return new DomainError(
    "resource_exhausted",
    `the configuration takes more than ${what}; make the settings shorter, or try again when the service has less to do`,
    { reason: "OVERLOADED", field: "settings", retryAfterMs: RETRY_MS },
  );
}
