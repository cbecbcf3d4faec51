import { readFileSync } from "node:fs";

/** The CPU time and memory that a process and all its living descendants have used, from Linux's procfs. */
export interface ProcessUsage {
  /** User plus system time of every thread since the process began, in seconds; it includes dead children that were reaped. */
  readonly cpuSeconds: number;
  /** The part of it that the kernel took. */
  readonly systemSeconds: number;
  /** The sum of each process's own peak resident set (`VmHWM`), in bytes: an upper bound for a tree of several. */
  readonly peakRssBytes: number;
}

/** `USER_HZ`, the unit of /proc/<pid>/stat: 100 on every Linux that Node runs on (proc(5), `sysconf(_SC_CLK_TCK)`). */
const CLOCK_TICKS_PER_SECOND = 100;

/**
 * Reads the usage of `pid` and its descendants: a clustered service is one contender, however many processes it is.
 * Throws the file system's ENOENT when the process is gone or the machine has no procfs.
 */
export function readProcessUsage(pid: number): ProcessUsage {
  const own = readOne(pid);
  return childrenOf(pid).reduce((sum, child) => {
    const usage = readProcessUsage(child);
    return {
      cpuSeconds: sum.cpuSeconds + usage.cpuSeconds,
      systemSeconds: sum.systemSeconds + usage.systemSeconds,
      peakRssBytes: sum.peakRssBytes + usage.peakRssBytes,
    };
  }, own);
}

function readOne(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the command in parentheses and may hold spaces, so the fields are counted from the last parenthesis
  // (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const peakKib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  const systemTicks = (stime ?? 0) + (cstime ?? 0);
  return {
    cpuSeconds: ((utime ?? 0) + (cutime ?? 0) + systemTicks) / CLOCK_TICKS_PER_SECOND,
    systemSeconds: systemTicks / CLOCK_TICKS_PER_SECOND,
    peakRssBytes: Number(peakKib ?? 0) * 1024,
  };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}
