import type { LogLeaves } from "../domain/log/log-leaves.ts";
import type { LogPublisher } from "../journal/log/log-publisher.ts";
import { PUBLISH_PACE, publishLog } from "../journal/log/publish-log.ts";
import type { LeasedJob } from "./run-leased.ts";

/** How soon another replica goes on with the log, and a replica whose run failed, in milliseconds. */
const PUBLISH_AGAIN_MS = 1000;
/** Longest time that an entry may wait for its checkpoint before readiness reports it, in milliseconds: storage may be away for some of it. */
const BEHIND_MAX_MS = 120_000;

/** The parts of the service that publish the audit log, and those that say how that goes. */
export interface AuditLogJobs {
  publisher: Pick<LogPublisher, "publish">;
  leaves: Pick<LogLeaves, "state">;
  /** Hears what is wrong with the log, or undefined when nothing is. */
  report: (problem: string | undefined) => void;
}

/** Publishes the log; one replica does it for all. */
export function toPublishing({ publisher }: Pick<AuditLogJobs, "publisher">): LeasedJob {
  return {
    name: "publish-audit-log",
    everyMs: 0,
    retryAfterMs: PUBLISH_AGAIN_MS,
    run: async ({ signal }) => {
      await publishLog(publisher, { ...PUBLISH_PACE, signal });
      return "";
    },
  };
}

/** Reports what is wrong with the log, which the replica that publishes it has noted. Rejects as LogLeaves does. */
export async function watchAuditLog({ leaves, report }: Pick<AuditLogJobs, "leaves" | "report">): Promise<void> {
  const state = await leaves.state();
  const isBehind = state !== undefined && state.behindMs > BEHIND_MAX_MS;
  const behind = `the checkpoint is more than ${BEHIND_MAX_MS / 60_000} minutes behind the journal`;
  report(state?.problem ?? (isBehind ? behind : undefined));
}
