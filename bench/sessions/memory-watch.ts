import { readFileSync } from "node:fs";

const sampleMs = 50;

/** Follows the memory of a service while something happens. */
export interface MemoryWatch {
  /** Ends the watch. Resolves to the largest sum, in bytes, of the resident sets that the service's processes had at one time. */
  stop(): number;
}

/**
 * Samples the resident sets of `pid` and its children twenty times a second. Workers peak at different times, so the sum of
 * their own peaks would be more than there ever was. The supervising process counts as well.
 */
export function watchMemory(pid: number): MemoryWatch {
  let peakBytes = 0;
  const sample = () => {
    peakBytes = Math.max(
      peakBytes,
      [pid, ...childrenOf(pid)].reduce((sum, one) => sum + residentBytes(one), 0),
    );
  };
  sample();
  const timer = setInterval(sample, sampleMs);
  return {
    stop() {
      clearInterval(timer);
      sample();
      return peakBytes;
    },
  };
}

function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** Empty for a process that is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
