/** How often a program looks whether the one that started it is still there, in milliseconds. */
const PARENT_LOOK_MS = 500;

/**
 * The process whose end is to end this one too: the parent where npm or npx started the program, undefined elsewhere. On SIGTERM npm
 * ends itself and the shell between them, which passes no signal on. Whoever else starts a program may well go before it.
 */
export function findLeader(environment: Readonly<Record<string, string | undefined>>): number | undefined {
  return environment.npm_lifecycle_event === undefined ? undefined : process.ppid;
}

/** Resolves when this process has another parent than `leader`, within half a second; never where that is undefined. */
export function onceOrphaned(leader: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (leader === undefined) return;
    const looking = setInterval(() => {
      if (process.ppid === leader) return;
      clearInterval(looking);
      resolve();
    }, PARENT_LOOK_MS);
    looking.unref();
  });
}

/** Resolves with what asks to stop: the first SIGTERM or SIGINT, or the end of `leader`. */
export function onceStopped(leader: number | undefined): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
    onceOrphaned(leader).then(() => resolve("npm, which started this, has ended"));
  });
}
