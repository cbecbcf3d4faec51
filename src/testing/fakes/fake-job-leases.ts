import type { JobLeases } from "../../domain/job-leases.ts";

/** Leases in memory. Trusted because they pass the same contract suite as those in PostgreSQL. */
export class FakeJobLeases implements JobLeases {
  readonly #rows = new Map<string, { holder: string; untilMs: number; cursor: string }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async take(name: string, { holder, leaseMs }: { holder: string; leaseMs: number }) {
    const row = this.#rows.get(name) ?? { untilMs: Number.NEGATIVE_INFINITY, cursor: "" };
    if (row.untilMs > this.#now()) return undefined;
    this.#rows.set(name, { holder, untilMs: this.#now() + leaseMs, cursor: row.cursor });
    return { cursor: row.cursor };
  }

  async keep(name: string, { holder, leaseMs }: { holder: string; leaseMs: number }): Promise<boolean> {
    const row = this.#rows.get(name);
    if (row?.holder !== holder) return false;
    row.untilMs = this.#now() + leaseMs;
    return true;
  }

  async end(name: string, options: { holder: string; dueAfterMs: number; cursor: string }): Promise<void> {
    const { holder, dueAfterMs, cursor } = options;
    if (this.#rows.get(name)?.holder === holder) {
      this.#rows.set(name, { holder, untilMs: this.#now() + dueAfterMs, cursor });
    }
  }
}
