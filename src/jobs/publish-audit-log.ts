import type { LogLeaves } from "../domain/log/log-leaves.ts";
import type { LogPublisher } from "../journal/log/log-publisher.ts";
import { PUBLISH_PACE, publishLog } from "../journal/log/publish-log.ts";
import { type RepeatedJob, type RepeatOptions, repeat } from "./repeat.ts";
import { ALL_DONE, type LeasedJob } from "./run-leased.ts";

/** How soon another replica goes on with the log, and a replica whose run failed, in milliseconds. */
const PUBLISH_AGAIN_MS = 1000;
/** How soon another replica goes on when the one that publishes has died, in milliseconds. */
const PUBLISHING_LEASE_MS = 3000;
const WATCH_EVERY_MS = 10_000;
/** Longest time that an entry may wait for its checkpoint before readiness reports it, in milliseconds: storage may be away for some of it. */
const BEHIND_MAX_MS = 120_000;

/** The parts of the service that publish the audit log, and those that say how that goes. */
export interface AuditLogJobs {
  publisher: Pick<LogPublisher, "publish">;
  leaves: Pick<LogLeaves, "state">;
  /** Hears what is wrong with the log, or undefined when nothing is. */
  report: (problem: string | undefined) => void;
}

/** Starts the jobs of the log: one replica publishes for all, and each of them says how that goes. */
export function startAuditLogJobs(
  auditLog: AuditLogJobs,
  {
    runIfDue,
    random,
    told,
  }: {
    runIfDue: (job: LeasedJob, leaseMs: number) => Promise<void>;
    random: () => number;
    told: (job: string) => Pick<RepeatOptions, "onFailure" | "onRecovery">;
  },
): RepeatedJob[] {
  const publish = toPublishing(auditLog);
  const publishIfDue = () => runIfDue(publish, PUBLISHING_LEASE_MS);
  return [
    repeat(publishIfDue, { everyMs: PUBLISH_AGAIN_MS, random, ...told(publish.name) }),
    repeat(() => watchAuditLog(auditLog), { everyMs: WATCH_EVERY_MS, random, ...told("watch-audit-log") }),
  ];
}

function toPublishing({ publisher }: Pick<AuditLogJobs, "publisher">): LeasedJob {
  return {
    name: "publish-audit-log",
    everyMs: 0,
    retryAfterMs: PUBLISH_AGAIN_MS,
    run: async ({ signal }) => {
      await publishLog(publisher, { ...PUBLISH_PACE, signal });
      return ALL_DONE;
    },
  };
}

/** Reports what is wrong with the log, which the replica that publishes it has noted. Rejects as LogLeaves does. */
async function watchAuditLog({ leaves, report }: Pick<AuditLogJobs, "leaves" | "report">): Promise<void> {
  const state = await leaves.state();
  const isBehind = state !== undefined && state.behindMs > BEHIND_MAX_MS;
  const behind = `the checkpoint is more than ${BEHIND_MAX_MS / 60_000} minutes behind the journal`;
  report(state?.problem ?? (isBehind ? behind : undefined));
}
