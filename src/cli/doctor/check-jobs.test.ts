import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { JobOutcome, JobSchema } from "../../../gen/sluice/v1/job_service_pb.ts";
import { SluiceError } from "../../client/sluice-error.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { checkJobs } from "./check-jobs.ts";

const NOW_MS = Date.UTC(2026, 10, 30, 12);

describe("checkJobs", () => {
  const check = async (...jobs: MessageInitShape<typeof JobSchema>[]) => {
    const common = { name: "purge-files/photos", description: "Removes bytes.", replica: "files-1/17" };
    const listed = (async function* () {
      for (const job of jobs) yield create(JobSchema, { ...common, ...job });
    })();
    const findings = await checkJobs(listed, new Date(NOW_MS));
    return findings.map(({ isOk, message, mend }) => [isOk, message, mend]);
  };
  const dueFor = (ms: number) => ({ nextRunTime: timestampFromMs(NOW_MS - ms) });

  it("finds nothing wrong with jobs that ran well, run, or are due for less than five minutes", async () => {
    const well = { lastRun: { outcome: JobOutcome.INCOMPLETE, error: "storage was slow" }, ...dueFor(300_000) };
    const running = { runningSince: timestampFromMs(NOW_MS - 86_400_000) };
    expect(await check(well, running, dueFor(-60_000))).to.deep.equal([
      [true, "none of 3 has failed or waits for a replica", undefined],
    ]);
  });

  it("warns of a job whose last run failed, and says why", async () => {
    const failed = { lastRun: { outcome: JobOutcome.FAILED, error: "storage answers 403" }, ...dueFor(0) };
    const died = { lastRun: { outcome: JobOutcome.FAILED, error: "" } };
    expect(await check(failed, died)).to.deep.equal([
      [true, "purge-files/photos failed on files-1/17: storage answers 403", "docs/runbook.md#job-failing"],
      [
        true,
        "purge-files/photos failed on files-1/17: the replica ended in the middle of it",
        "docs/runbook.md#job-failing",
      ],
    ]);
  });

  it("warns of a job that no replica takes, unless it is one of another version", async () => {
    const [[, message] = []] = await check(dueFor(300_001));
    expect(message).to.match(/^purge-files\/photos is due since 2026-11-30T11:54:59.999Z, and no replica takes it;/);
    expect(await check({ ...dueFor(300_001), description: "" })).to.deep.equal([
      [true, "none of 1 has failed or waits for a replica", undefined],
    ]);
  });

  it("says that the caller may not see them, and passes other failures on", async () => {
    const failing = (reason: string) => ({
      async *[Symbol.asyncIterator]() {
        yield* [];
        throw new SluiceError("permission_denied", "no", { reason });
      },
    });
    expect(await checkJobs(failing("PERMISSION_DENIED"), new Date(NOW_MS))).to.deep.equal([
      {
        check: "jobs",
        isOk: true,
        message: "not looked at: a token of somebody whom SLUICE_ADMINS names shows them",
      },
    ]);
    const other = await catchError(() => checkJobs(failing("TOKEN_EXPIRED"), new Date(NOW_MS)));
    expect(other).to.include({ reason: "TOKEN_EXPIRED" });
  });
});
