import { childrenOf } from "./linux-processes.ts";

/**
 * Stops a process and all that it has begun (SIGSTOP), so that none of them answers while their connections stay open. The result
 * lets them go on. Works on Linux.
 */
export async function pauseProcesses(pid: number): Promise<() => void> {
  // The parent first: it begins no further process while its children are looked for.
  process.kill(pid, "SIGSTOP");
  const paused = [pid];
  for (const parent of paused) {
    for (const child of childrenOf(parent)) {
      process.kill(child, "SIGSTOP");
      paused.push(child);
    }
  }
  return () => {
    for (const stopped of paused.splice(0)) resume(stopped);
  };
}

/** A process that was told to end before it was stopped may end as soon as it goes on, and its children with it. */
function resume(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
