/** A job that runs again and again until stopped. */
export interface RepeatedJob {
  /** Starts no more runs and waits for the one under way. */
  stop(): Promise<void>;
}

/**
 * Runs `job` every `everyMs`, give or take a fifth, so that replicas spread out; never twice at once. `job` must not reject.
 * `random` is uniform in [0, 1).
 */
export function repeat(job: () => Promise<void>, options: { everyMs: number; random: () => number }): RepeatedJob {
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  let isStopped = false;
  const schedule = () => {
    timer = setTimeout(
      () => {
        running = job().then(() => {
          if (!isStopped) schedule();
        });
      },
      options.everyMs * (0.8 + 0.4 * options.random()),
    );
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
