import type { JobLeases, JobState } from "../domain/jobs/job-leases.ts";
import { type PageRequest, parsePageSize } from "./file-page.ts";
import { fromNamePageToken, toNamePageToken } from "./page-token.ts";

const LISTING = ["jobs"];

/**
 * One page of the jobs that have ever run, by name. Errors: `invalid_argument / PAGE_TOKEN_INVALID`, `ARGUMENT_INVALID` for a
 * negative page size; `unavailable / DATABASE_UNAVAILABLE`.
 */
export async function listJobs(
  leases: Pick<JobLeases, "list">,
  request: PageRequest,
): Promise<{ jobs: JobState[]; nextPageToken: string }> {
  const limit = parsePageSize(request.pageSize);
  const after = request.pageToken === "" ? "" : toName(fromNamePageToken(request.pageToken, LISTING));
  const found = await leases.list({ after, limit: limit + 1 });
  const jobs = found.slice(0, limit);
  const last = jobs.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return { jobs, nextPageToken: hasMore ? toNamePageToken(last.name, LISTING) : "" };
}

/** Tokens may be forged, and what they hold becomes a value of a statement: whoever forges one gets the first page. */
function toName(text: string): string {
  return /^[\w/.-]+$/.test(text) ? text : "";
}
