/** How a run ended. `incomplete`: some of its work failed, and a later run tries that again. */
export type JobOutcome = "done" | "incomplete" | "failed";

/** A run that has ended. */
export interface JobRun {
  beginTime: Date;
  endTime: Date;
  outcome: JobOutcome;
  /** What went wrong, in words for operators, at most PROBLEM_MAX_CHARACTERS; "" after `done`. */
  problem: string;
}

/** A job, as all replicas know it. */
export interface JobState {
  name: string;
  /** The replica that runs it, or that ran it last. */
  holder: string;
  /** When the run under way began; undefined when none is. */
  runningSince: Date | undefined;
  /** When the job is due again; while it runs, when its lease ends unless its holder keeps it. */
  untilTime: Date;
  /** Undefined until a run has ended. */
  lastRun: JobRun | undefined;
}

/** What is said of a run whose holder let its lease pass. */
export const LOST_RUN = "the replica that ran it ended in the middle of the run";

/** Longest text that is kept of what went wrong, in characters. */
export const PROBLEM_MAX_CHARACTERS = 1000;

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
  end(
    name: string,
    options: { holder: string; dueAfterMs: number; cursor: string; outcome: JobOutcome; problem: string },
  ): Promise<void>;

  /**
   * The jobs that have ever run, but those of namespaces that are gone, in the byte order of their names, at most `limit` behind
   * the name `after`. A run whose holder let its lease pass is one that failed. The deliveries of each active subscription are a job
   * "deliver-events/{namespace}/{subscription id}": its last run is what it has delivered last, or a failure since.
   */
  list(options: { after: string; limit: number }): Promise<JobState[]>;
}
