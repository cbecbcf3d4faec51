import { type JobLeases, type JobRun, type JobState, LOST_RUN } from "../../domain/jobs/job-leases.ts";
import { parseJobName } from "../../domain/jobs/known-jobs.ts";

interface Row {
  holder: string;
  untilMs: number;
  cursor: string;
  beginMs: number | undefined;
  lastRun: JobRun | undefined;
}

/** Leases in memory. Trusted because they pass the same contract suite as those in PostgreSQL. */
export class FakeJobLeases implements JobLeases {
  readonly #rows = new Map<string, Row>();
  readonly #now: () => number;
  readonly #namespaces: ReadonlySet<string>;

  constructor(now: () => number = Date.now, namespaces: readonly string[] = ["default"]) {
    this.#now = now;
    this.#namespaces = new Set(namespaces);
  }

  async take(name: string, { holder, leaseMs }: { holder: string; leaseMs: number }) {
    const row = this.#rows.get(name);
    if (row !== undefined && row.untilMs > this.#now()) return undefined;
    const cursor = row?.cursor ?? "";
    const now = this.#now();
    this.#rows.set(name, {
      holder,
      untilMs: now + leaseMs,
      cursor,
      beginMs: now,
      lastRun: row && this.#toLastRun(row),
    });
    return { cursor };
  }

  async keep(name: string, { holder, leaseMs }: { holder: string; leaseMs: number }): Promise<boolean> {
    const row = this.#rows.get(name);
    if (row?.holder !== holder) return false;
    row.untilMs = this.#now() + leaseMs;
    return true;
  }

  async end(name: string, options: Parameters<JobLeases["end"]>[1]): Promise<void> {
    const { holder, dueAfterMs, cursor, outcome, problem } = options;
    const row = this.#rows.get(name);
    if (row?.holder !== holder) return;
    const [now, beginMs] = [this.#now(), row.beginMs ?? row.lastRun?.beginTime.getTime() ?? 0];
    const lastRun = { beginTime: new Date(beginMs), endTime: new Date(now), outcome, problem };
    this.#rows.set(name, { holder, untilMs: now + dueAfterMs, cursor, beginMs: undefined, lastRun });
  }

  async list({ after, limit }: { after: string; limit: number }): Promise<JobState[]> {
    const isThere = (namespace: string) => namespace === "" || this.#namespaces.has(namespace);
    return [...this.#rows.keys()]
      .filter((name) => name > after && isThere(parseJobName(name).namespace))
      .sort()
      .slice(0, limit)
      .map((name) => {
        const row = this.#rows.get(name) as Row;
        const isHeld = row.beginMs !== undefined && row.untilMs > this.#now();
        return {
          name,
          holder: row.holder,
          untilTime: new Date(row.untilMs),
          runningSince: isHeld ? new Date(row.beginMs as number) : undefined,
          lastRun: this.#toLastRun(row),
        };
      });
  }

  #toLastRun({ beginMs, untilMs, lastRun }: Row): JobRun | undefined {
    if (beginMs === undefined || untilMs > this.#now()) return lastRun;
    return { beginTime: new Date(beginMs), endTime: new Date(untilMs), outcome: "failed", problem: LOST_RUN };
  }
}
