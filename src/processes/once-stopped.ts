/** Interval at which a program checks whether its parent still exists, in milliseconds. */
const PARENT_CHECK_MS = 500;

/**
 * The process whose end must end this one too: the parent when npm or npx started the program, otherwise undefined. On
 * SIGTERM npm ends itself and the shell between them, and the shell passes no signal on. Other programs that start this one
 * may well end before it.
 */
export function findLeader(environment: Readonly<Record<string, string | undefined>>): number | undefined {
  return environment.npm_lifecycle_event === undefined ? undefined : process.ppid;
}

/** Resolves within half a second after this process has another parent than `leader`; never without a `leader`. */
export function onceOrphaned(leader: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (leader === undefined) return;
    const looking = setInterval(() => {
      if (process.ppid === leader) return;
      clearInterval(looking);
      resolve();
    }, PARENT_CHECK_MS);
    looking.unref();
  });
}

/** Resolves with the reason to stop: the first SIGTERM or SIGINT, or the end of `leader`. */
export function onceStopped(leader: number | undefined): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
    onceOrphaned(leader).then(() => resolve("npm, which started this, has ended"));
  });
}
