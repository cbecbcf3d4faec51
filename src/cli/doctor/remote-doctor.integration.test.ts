import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { Client } from "pg";
import { captureText } from "../../testing/rigs/capture-text.ts";
import { type RunningService, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { createTlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { until } from "../../testing/rigs/until.ts";
import { type RemoteDoctorOptions, runRemoteDoctor } from "./remote-doctor.ts";

describe("sluice doctor --remote", () => {
  let service: RunningService;
  const servers: Server[] = [];
  before(async () => {
    service = await startService({ settings: { SLUICE_ADMINS: "dev:local" } });
  });
  after(async () => {
    for (const server of servers) server.close();
    await service?.stop();
  });

  async function examine(options: Partial<RemoteDoctorOptions> = {}, token = SERVICE_TOKEN) {
    const env = { SLUICE_URL: service.url, SLUICE_TOKEN: token };
    const { signal } = new AbortController();
    const terminal = { stdout: captureText(), stderr: captureText(), stdin: new PassThrough(), env, signal };
    const isWell = await runRemoteDoctor(terminal, { json: false, ...options });
    return { isWell, text: terminal.stdout.text() };
  }

  /** Serves a page as `GET /metrics` does; resolves to its URL. */
  async function serve(page: string): Promise<string> {
    const server = createServer((_request, response) => response.end(page));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  }

  it("finds nothing wrong where nothing is", async () => {
    const { isWell, text } = await examine({ metrics: await serve("sluice_ready 1\nsluice_s3_breakers_open 0\n") });
    expect(isWell, text).to.equal(true);
    for (const line of [
      /^OK {7}service: http:\/\/127.0.0.1:\d+ answers, in \d+ ms$/m,
      // How far off its clock seems depends on how long a busy machine lets the answer wait.
      /^(OK {7}|WARNING {2})clock: .* that of the service$/m,
      /^OK {7}readiness: ready$/m,
      /^OK {7}services: all \d+ serve, by gRPC's health$/m,
      /^OK {7}version: \d/m,
      // How long a call takes is the machine's affair.
      /^(OK {7}|WARNING {2})calls: ListNamespaces takes \d+ ms, at most \d+ ms in 5 calls$/m,
      /^OK {7}jobs: none of \d+ has failed or waits for a replica$/m,
      /^OK {7}metrics: no gauge is beyond the bound of its alarm$/m,
    ])
      expect(text).to.match(line);
    expect(text).not.to.contain("PROBLEM").and.not.to.contain(SERVICE_TOKEN);
  });

  it("says which gauges are beyond the bounds of alarms, and where the runbook has them", async () => {
    const page = 'sluice_ready 0\nsluice_s3_breakers_open{service_instance_id="a"} 1\nsluice_degraded 1\n';
    const { isWell, text } = await examine({ metrics: await serve(page) });
    expect(isWell).to.equal(false);
    expect(text).to.match(
      /PROBLEM {2}metrics: sluice_s3_breakers_open\{.*\} is 1; .*\n {9}docs\/runbook.md#s3-breaker-open\n/,
    );
    expect(text).to.match(/WARNING {2}metrics: sluice_degraded is 1; .*\n {9}docs\/runbook.md#degraded\n/);
  });

  it("says that a page is none of the service", async () => {
    expect((await examine({ metrics: await serve("up 1\n") })).text).to.contain("has no metrics of Sluice");
    expect((await examine({ metrics: "http://127.0.0.1:1/metrics" })).text).to.contain(
      "does not answer (ECONNREFUSED)",
    );
  });

  it("says that something else answers there", async () => {
    const { isWell, text } = await examine({ url: new URL(await serve("welcome")).origin });
    expect(isWell).to.equal(false);
    expect(text).to.match(/^PROBLEM {2}service: .* answers, but not as Sluice does\n/);
  });

  it("names the replica of several that does not answer", async () => {
    const { isWell, text } = await examine({ url: `${service.url},http://127.0.0.1:1` });
    expect(isWell).to.equal(false);
    expect(text).to.contain("PROBLEM  127.0.0.1:1 service: http://127.0.0.1:1 does not answer (ECONNREFUSED)");
    expect(text).to.contain(`OK       ${new URL(service.url).host} readiness: ready`);
  });

  it("says that calls are refused, and prints objects with --json", async () => {
    const { isWell, text } = await examine({ json: true }, "wrong");
    expect(isWell).to.equal(false);
    const findings = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(findings.find(({ check }) => check === "calls")).to.include({ isOk: false });
    expect(findings.find(({ check }) => check === "readiness")).to.include({ isOk: true, message: "ready" });
  });

  it("says which job has failed, once for all replicas", async () => {
    const sql = new Client({ connectionString: service.databaseUrl });
    await sql.connect();
    try {
      // This service has no audit log, so that it never runs this job.
      await sql.query(`
        INSERT INTO job_lease (name, holder, until_time, last_begin_time, last_end_time, last_outcome, last_problem)
        VALUES ('publish-audit-log', 'files-1/17', now() + interval '1 minute', now(), now(), 'failed', 'storage answers 403')`);
      const { isWell, text } = await examine({ url: `${service.url},${service.url}` });
      expect(isWell, text).to.equal(true);
      expect(text.split("WARNING  jobs: publish-audit-log failed on files-1/17: storage answers 403")).to.have.length(
        2,
      );
    } finally {
      await sql.query("DELETE FROM job_lease WHERE name = 'publish-audit-log'");
      await sql.end();
    }
  });

  it("passes on why a replica is not ready, and what is degraded", async () => {
    const { readiness } = service.app;
    readiness.degrade("certificate", "the certificate ends tomorrow");
    const degraded = await examine();
    readiness.degrade("certificate", undefined);
    expect(degraded.isWell, degraded.text).to.equal(true);
    expect(degraded.text).to.contain(
      "WARNING  readiness: degraded: certificate: the certificate ends tomorrow\n         docs/runbook.md#degraded\n",
    );
    readiness.report("test", "is broken");
    const { isWell, text } = await examine();
    readiness.report("test", undefined);
    expect(isWell).to.equal(false);
    expect(text).to.contain(
      "PROBLEM  readiness: not ready: test: is broken\n         docs/runbook.md#no-replica-ready\n",
    );
    expect(text).to.contain("PROBLEM  services: by gRPC's health, these do not serve: the replica\n");
  });

  it("sees when the certificate ends", async function () {
    const certificate = await createTlsCertificate();
    if (certificate === undefined) return this.skip();
    const folder = await mkdtemp(join(tmpdir(), "sluice-remote-"));
    const files = { SLUICE_TLS_CERT: join(folder, "cert.pem"), SLUICE_TLS_KEY: join(folder, "key.pem") };
    await writeFile(files.SLUICE_TLS_CERT, certificate.cert);
    await writeFile(files.SLUICE_TLS_KEY, certificate.key);
    const secure = await startService({ settings: files, isReadyAwaited: false });
    try {
      await until("the service is ready", () => secure.app.readiness.isReady);
      const trusted = await examine({ url: secure.url, ca: files.SLUICE_TLS_CERT });
      expect(trusted.text).to.match(
        /PROBLEM {2}TLS: the certificate ends at .*\n {9}docs\/runbook.md#certificate-ends\n/,
      );
      expect((await examine({ url: secure.url })).text).to.contain("does not answer (DEPTH_ZERO_SELF_SIGNED_CERT)");
    } finally {
      await secure.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
