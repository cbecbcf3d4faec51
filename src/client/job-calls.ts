import { type Job, JobService } from "../../gen/sluice/v1/job_service_pb.ts";
import { allPages, type Call, type CallOptions } from "./call.ts";

/** The methods for what the service does by itself; they reject as all unary calls do. */
export interface JobCalls {
  /** The jobs that the service runs by the clock, by name, page by page. It needs an entry in SLUICE_ADMINS. */
  allJobs(options?: Pick<CallOptions, "signal">): AsyncGenerator<Job, void, undefined>;
}

/** The methods for what the service does by itself, over the calls of a client. */
export function createJobCalls(call: Call): JobCalls {
  return {
    allJobs: ({ signal } = {}) =>
      allPages(
        (pageToken) =>
          call(JobService, signal, (jobs, options) => jobs.listJobs({ pageSize: 1000, pageToken }, options)),
        ({ jobs }) => jobs,
      ),
  };
}
