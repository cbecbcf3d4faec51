import { durationMs, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Job } from "../../../gen/sluice/v1/job_service_pb.ts";
import { type ServiceOptions, withClient } from "../login/client-environment.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";

/** The outcomes by their numbers in job_service.proto. This module does not load generated code. */
const OUTCOMES = ["unknown", "succeeded", "incomplete", "failed"];

/** `sluice jobs`: prints each job as a line, with its problem on another one, or with `json` as an object. */
export async function runListJobs(terminal: Terminal, options: ServiceOptions & { json: boolean }): Promise<void> {
  await withClient(terminal, options, async (client) => {
    for await (const job of client.allJobs({ signal: terminal.signal })) {
      if (options.json) printJson(terminal, toJson(job));
      else for (const line of toLines(job)) printLine(terminal, line);
    }
  });
}

/** Times have seconds, and are in UTC as those of the log are: many jobs run several times a minute. */
function toLines({ name, lastRun, runningSince, nextRunTime, replica }: Job): string[] {
  const outcome = lastRun === undefined ? "never ended" : (OUTCOMES[lastRun.outcome] ?? "unknown");
  const took = lastRun?.duration === undefined ? "" : `in ${durationMs(lastRun.duration)} ms`;
  const last = `${outcome} ${toTime(lastRun?.startTime)} ${took}`.trim();
  const next = runningSince === undefined ? `next ${toTime(nextRunTime)}` : `runs since ${toTime(runningSince)}`;
  const line = `${name.padEnd(34)}  ${last.padEnd(46)}  ${next}  ${replica}`;
  return lastRun === undefined || lastRun.error === "" ? [line] : [line, `  ${lastRun.error}`];
}

function toTime(time: Timestamp | undefined): string {
  return time === undefined ? "" : timestampDate(time).toISOString().slice(0, -".000Z".length).concat("Z");
}

function toJson({ name, description, namespace, replica, runningSince, lastRun, nextRunTime }: Job) {
  return {
    name,
    description,
    ...(namespace !== "" && { namespace }),
    replica,
    ...(runningSince && { runningSince: timestampDate(runningSince).toISOString() }),
    ...(lastRun && {
      lastRun: {
        ...(lastRun.startTime && { startTime: timestampDate(lastRun.startTime).toISOString() }),
        ...(lastRun.duration && { durationMs: durationMs(lastRun.duration) }),
        outcome: OUTCOMES[lastRun.outcome] ?? "unknown",
        ...(lastRun.error !== "" && { error: lastRun.error }),
      },
    }),
    ...(nextRunTime && { nextRunTime: timestampDate(nextRunTime).toISOString() }),
  };
}
