import { toBackoffDelayMs } from "../domain/limits/backoff.ts";

/** Where jobs say what they did. */
export interface JobLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** A job that runs again and again until stopped. */
export interface RepeatedJob {
  /** Starts no more runs and waits for the one under way. */
  stop(): Promise<void>;
}

/** How a job is repeated. */
export interface RepeatOptions {
  everyMs: number;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Hears of the first run in a row that rejects, and of each that rejects with another message than the one before. */
  onFailure?: (error: unknown) => void;
  /** Hears of the first run that ends well after some that did not, and how many those were. */
  onRecovery?: (failures: number) => void;
}

/** Longest wait for the next run of a job that fails, in milliseconds, unless its interval is longer. */
const FAILING_EVERY_MAX_MS = 60_000;

/**
 * Runs `job` every `everyMs`, give or take a fifth, so that replicas spread out; never twice at once. While it rejects it
 * runs ever more seldom, at full jitter up to a minute or its own interval, so that replicas do not come back all at once
 * upon a database that has just returned; a failure is told when it begins, changes and ends, not at each run.
 */
export function repeat(job: () => Promise<void>, options: RepeatOptions): RepeatedJob {
  const { everyMs, random } = options;
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  let isStopped = false;
  let failures = 0;
  let told: string | undefined;
  const run = async () => {
    try {
      await job();
      if (failures > 0) options.onRecovery?.(failures);
      failures = 0;
      told = undefined;
    } catch (error) {
      failures++;
      const message = error instanceof Error ? error.message : String(error);
      if (message !== told) options.onFailure?.(error);
      told = message;
    }
    if (!isStopped) schedule();
  };
  const schedule = () => {
    const delayMs = failures === 0 ? everyMs * (0.8 + 0.4 * random()) : toFailingDelayMs(failures, options);
    timer = setTimeout(() => {
      running = run();
    }, delayMs);
  };
  schedule();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function toFailingDelayMs(failures: number, { everyMs, random }: RepeatOptions): number {
  const delayMaxMs = Math.max(everyMs, FAILING_EVERY_MAX_MS);
  return toBackoffDelayMs({ baseDelayMs: 2 * everyMs, delayMaxMs, random }, failures);
}
