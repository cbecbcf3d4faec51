/**
 * Decides which of any number of replicas runs a job of the clock: one replica at a time, and none before the job is due.
 * Every step is a compare-and-set on the database's clock, so a replica's own clock does not matter, and a holder that dies
 * holds nothing for longer than its lease. A lease saves work and proves nothing: what a job does must be safe beside
 * another run of it. All reject `unavailable / DATABASE_UNAVAILABLE` when the database cannot be reached.
 */
export interface JobLeases {
  /** Takes a job that is due and that nobody runs, for `leaseMs`; undefined otherwise. `cursor`: where the last run stopped. */
  take(name: string, options: { holder: string; leaseMs: number }): Promise<{ cursor: string } | undefined>;

  /** Keeps a job for another `leaseMs` from now. False when somebody else has taken it since. */
  keep(name: string, options: { holder: string; leaseMs: number }): Promise<boolean>;

  /** Gives a job back, which is due again after `dueAfterMs`. Does nothing when somebody else has taken it since. */
  end(name: string, options: { holder: string; dueAfterMs: number; cursor: string }): Promise<void>;
}
