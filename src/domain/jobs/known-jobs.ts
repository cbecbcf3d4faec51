/** The jobs of the clock of which one replica at a time runs each, with what each does. */
export const JOBS = {
  "number-journal": "Gives new entries of the journal their numbers; a run is a minute of looks.",
  "publish-audit-log": "Publishes the numbered entries in the audit log; a run is a minute of looks.",
  "measure-lags": "Measures how far the service is behind, for its metrics; a run is ten minutes of looks.",
  "make-partitions": "Makes the journal's partitions of the coming months, and drops those that are not kept any more.",
  "forget-requests": "Forgets request ids, links, upload tokens and marks of commits whose time is over.",
  "sweep-uploads": "Ends uploads that expired or got stuck in their commit, and removes their bytes.",
  "sweep-orphans": "Looks through storage for objects and parts that a row proves dead, and removes them.",
  "purge-files": "Removes the bytes of deleted and superseded files past their purge time.",
  "settle-holds": "Tells storage the legal holds and retentions that it lacks.",
  "deliver-events": "Sends the events of a namespace to the receiver of a subscription, in turns of a minute.",
  "run-operations":
    "Runs the operations that callers have started; a run is a minute of looks, or longer while one works.",
  "continue-erasures": "Goes on with erasures of people that were cut off.",
  "reapply-erasures": "Does erasures again that a restored database does not know.",
} as const satisfies Record<string, string>;

/** What a job does. */
export type JobKind = keyof typeof JOBS;

/** The name of a job: its kind, and the namespace that it works for where it works for one. */
export type JobName = JobKind | `${JobKind}/${string}`;

/** The parts of a job's name; the namespace is "" where the job works for the whole service. */
export function parseJobName(name: string): { kind: string; namespace: string } {
  const [kind = "", namespace = ""] = name.split("/", 2);
  return { kind, namespace };
}
