import { PassThrough } from "node:stream";
import { expect } from "chai";
import { sql } from "slonik";
import { DomainError } from "../../domain/errors.ts";
import { runLeased } from "../../jobs/run-leased.ts";
import { createJobLeases } from "../../postgres/job-leases.ts";
import { createDatabasePools } from "../../postgres/pool/pool.ts";
import { authenticateCallers } from "../../testing/rigs/callers/authenticate-callers.ts";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { type RunningService, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { runCli, type ServerCommands } from "../program.ts";

describe("sluice jobs", () => {
  let service: RunningService;
  let pools: Awaited<ReturnType<typeof createDatabasePools>>;
  before(async () => {
    service = await startService({ settings: { SLUICE_ADMINS: "acme:root" }, authenticate: authenticateCallers });
    pools = await createDatabasePools({ url: service.databaseUrl });
  });
  after(async () => {
    await pools?.end();
    await service?.stop();
  });

  const run = async (token: string, ...args: string[]) => {
    const [stdout, stderr] = [captureText(), captureText()];
    const env = { SLUICE_URL: service.url, SLUICE_TOKEN: token };
    const terminal = { stdout, stderr, stdin: new PassThrough(), env, signal: new AbortController().signal };
    const code = await runCli(["jobs", ...args], terminal, {} as ServerCommands);
    return { code, out: stdout.text(), err: stderr.text() };
  };
  const list = async () =>
    (await run("root", "--json")).out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const find = async (name: string) => (await list()).find((job) => job.name === name);

  it("tells of what the service really does by the clock, from the replica that does it", async () => {
    const running = await until("the journal is numbered", () => find("number-journal"));
    expect(running).to.include.keys("description", "replica", "runningSince").and.not.have.any.keys("namespace");
    const purge = await until("files were purged", async () => {
      const found = await find("purge-files/default");
      return found?.lastRun === undefined ? undefined : found;
    });
    expect(purge.namespace).to.equal("default");
    expect(purge.lastRun).to.include({ outcome: "succeeded" });
    expect(purge.lastRun.durationMs).to.be.within(0, 60_000);
    expect(Date.parse(purge.nextRunTime)).to.be.above(Date.parse(purge.lastRun.startTime));
  });

  it("says in words what went wrong in a run, of whichever replica that was", async () => {
    const away = new DomainError("unavailable", "the bucket photos does not answer", { reason: "STORAGE_UNAVAILABLE" });
    const job = {
      name: "settle-holds/default",
      everyMs: 3_600_000,
      retryAfterMs: 3_600_000,
      run: () => Promise.reject(away),
    } as const;
    const leases = createJobLeases(pools.commands);
    // The service may run the job itself now.
    await until("the job fails", async () => {
      await pools.commands.query(sql.unsafe`UPDATE job_lease SET until_time = now() WHERE name = ${job.name}`);
      const error = await runLeased(leases, job, { holder: "elsewhere/7", leaseMs: 60_000 }).catch((thrown) => thrown);
      return error === away;
    });
    const { out } = await run("root");
    expect(out).to.match(
      /^settle-holds\/default +failed \S+Z in \d+ ms +next \S+Z {2}elsewhere\/7\n {2}the bucket photos does not answer$/m,
    );
    const { body } = await callRest(`${service.url}/v1/jobs?pageSize=1000`, { token: "root" });
    const told = (body.jobs as { name: string; lastRun?: object }[]).find(({ name }) => name === job.name);
    expect(told?.lastRun).to.include({ outcome: "JOB_OUTCOME_FAILED", error: away.message });
  });

  it("comes in pages", async () => {
    const first = await callRest(`${service.url}/v1/jobs?pageSize=2`, { token: "root" });
    expect(first.body.jobs).to.have.lengthOf(2);
    const token = encodeURIComponent(String(first.body.nextPageToken));
    const rest = await callRest(`${service.url}/v1/jobs?pageSize=1000&pageToken=${token}`, { token: "root" });
    const names = [first, rest].flatMap(({ body }) => (body.jobs as { name: string }[]).map(({ name }) => name));
    expect(names)
      .to.deep.equal([...new Set(names)].sort())
      .and.include("number-journal");
  });

  it("is for those of SLUICE_ADMINS alone", async () => {
    const { code, err } = await run("alice");
    expect(code).to.equal(1);
    expect(err).to.include("this needs an entry in SLUICE_ADMINS");
  });
});
