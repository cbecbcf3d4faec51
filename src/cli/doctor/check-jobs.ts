import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Job } from "../../../gen/sluice/v1/job_service_pb.ts";
import { runbookOf } from "../../alarms/runbook.ts";
import { SluiceError } from "../../client/sluice-error.ts";
import { type Finding, warning, well } from "./finding.ts";

/** JOB_OUTCOME_FAILED of job_service.proto. This module does not load generated code. */
const FAILED = 3;
/** How long a job may be due before somebody ought to look, in milliseconds: a replica takes one that is due within 10 s. */
const OVERDUE_MS = 5 * 60_000;

/**
 * What is wrong with the jobs of a service, each as a warning: a job tries again by itself. `now` is the time by the host's clock. Callers
 * who may not list jobs get a finding that says so. Rejects as the client does.
 */
export async function checkJobs(jobs: AsyncIterable<Job>, now: Date): Promise<Finding[]> {
  const found: Finding[] = [];
  let count = 0;
  try {
    for await (const job of jobs) {
      count++;
      const message = toProblem(job, now);
      if (message !== undefined) found.push(warning("jobs", message, runbookOf("job-failing")));
    }
  } catch (error) {
    if (!(error instanceof SluiceError) || error.reason !== "PERMISSION_DENIED") throw error;
    return [well("jobs", "not looked at: a token of somebody whom SLUICE_ADMINS names shows them")];
  }
  return found.length > 0 ? found : [well("jobs", `none of ${count} has failed or waits for a replica`)];
}

function toProblem({ name, description, lastRun, nextRunTime, replica }: Job, now: Date): string | undefined {
  const wasDueMs = nextRunTime === undefined ? now.getTime() : timestampDate(nextRunTime).getTime();
  // A job without a description is one of another version, which may be no job of this one.
  if (description !== "" && now.getTime() - wasDueMs > OVERDUE_MS)
    return `${name} is due since ${new Date(wasDueMs).toISOString()}, and no replica takes it; it is no problem where the service is not set up for it any more`;
  if (lastRun?.outcome !== FAILED) return undefined;
  return `${name} failed on ${replica}: ${lastRun.error || "the replica ended in the middle of it"}`;
}
