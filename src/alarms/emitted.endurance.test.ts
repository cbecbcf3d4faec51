import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createSluiceClient } from "../client/client.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { createTestDatabase, type TestDatabase } from "../testing/rigs/database/postgres.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import { type NamedSeries, readPromql } from "../testing/rigs/telemetry/read-promql.ts";
import { createTlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { until } from "../testing/rigs/until.ts";
import { ALARM_LIST, toCondition } from "./alarms.ts";
import { PROMETHEUS } from "./dialect.ts";
import { PANELS } from "./panels.ts";

/** These are told only after what this test does not do; each has a test beside what tells it, which reads its values and labels. */
const ELSEWHERE = /^sluice_(s3_breakers_open|memory_wait_duration|deliveries|audit_lag|cache_lookups)/;

describe("What alarms and panels ask for", () => {
  let storage: DevS3;
  let database: TestDatabase;
  let folder: string;
  let service: ServiceProcess | undefined;
  before(async () => {
    [storage, database] = await Promise.all([startDevS3(), createTestDatabase()]);
    folder = await mkdtemp(join(tmpdir(), "sluice-emitted-"));
  });
  after(async () => {
    await service?.kill();
    await storage?.stop();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  it("is on the metrics page of a service on which all of it has happened, with its labels", async function () {
    const certificate = await createTlsCertificate();
    if (certificate === undefined) return this.skip();
    const files = { SLUICE_TLS_CERT: join(folder, "cert.pem"), SLUICE_TLS_KEY: join(folder, "key.pem") };
    await writeFile(files.SLUICE_TLS_CERT, certificate.cert);
    await writeFile(files.SLUICE_TLS_KEY, certificate.key);
    const port = await findFreePort();
    service = await startServiceProcess(storage.endpoint, {
      databaseUrl: database.url,
      port: await findFreePort(),
      ca: certificate.cert,
      // The certificate ends within a week, by which the service is degraded.
      settings: { ...files, SLUICE_METRICS_LISTEN: `127.0.0.1:${port}` },
    });
    const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN, tls: { ca: certificate.cert } });
    await client.upload(Buffer.alloc(1000), "emitted.bin");
    storage.server.faults.add({
      operation: "PutObject",
      times: 1,
      fault: { kind: "status", status: 503, code: "SlowDown" },
    });
    await client.upload(Buffer.alloc(1000), "emitted-again.bin");
    await client.getFile("missing.bin").catch(() => {});
    client.close();

    const asked = [
      ...ALARM_LIST.map(([, alarm]) => toCondition(alarm, PROMETHEUS)),
      ...PANELS.flatMap(({ lines }) => lines.map(({ query }) => query(PROMETHEUS))),
    ]
      .flatMap(readPromql)
      .filter(({ metric }) => !ELSEWHERE.test(metric));
    let missing: NamedSeries[] = asked;
    const isComplete = async () => {
      const page = String((await callRest(`http://127.0.0.1:${port}/metrics`)).body).split("\n");
      missing = asked.filter(({ metric, labels }) => {
        const lines = page.filter((line) => line.startsWith(`${metric}{`));
        return !labels.every((label) => label === "job" || lines.some((line) => line.includes(`${label}="`)));
      });
      return missing.length === 0;
    };
    // The first run of a job may be over only after a minute.
    for (let minute = 0; minute < 3 && missing.length > 0; minute++)
      await until("every series is there, with its labels", isComplete).catch(() => {});
    expect(missing).to.deep.equal([]);
  });
});
