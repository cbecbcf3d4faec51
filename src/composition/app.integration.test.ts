import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import { pino } from "pino";
import { migrate } from "../postgres/schema/migrate.ts";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../testing/rigs/database/postgres.ts";
import { withUntoldRole } from "../testing/rigs/database/untold-role.ts";
import { type RunningService, startService, untilReady } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { startApp } from "./app.ts";

describe("A service that starts", () => {
  let database: TestDatabase | undefined;
  let service: RunningService | undefined;
  afterEach(async () => {
    await service?.stop();
    await database?.drop();
    [service, database] = [undefined, undefined];
  });
  const problemOf = (component: string) =>
    service?.app.readiness.problems.find((one) => one.component === component)?.problem ?? "";

  it("waits for its schema, and says which command makes it", async () => {
    database = await createEmptyDatabase();
    service = await startService({ databaseUrl: database.url, isReadyAwaited: false });
    await until("it has looked", () => problemOf("database").includes("run"));
    expect(problemOf("database")).to.match(/the schema lacks V1__.*; run "sluice migrate"/);
    await migrate({ url: database.url });
    await untilReady(service.app);
  });

  it("says in one sentence what its database lacks, and serves", async () => {
    database = await createTestDatabase();
    await withUntoldRole(database, "quiet_app", async (databaseUrl, role) => {
      service = await startService({ databaseUrl });
      try {
        const said = service.warningsLogged.map(({ msg }) => String(msg));
        expect(said.filter((msg) => msg.startsWith("the database does not tell which cluster it is"))).to.have.length(
          1,
        );
        expect(said.join()).to.include(`GRANT EXECUTE ON FUNCTION pg_control_system, pg_control_checkpoint TO ${role}`);
      } finally {
        await service.stop();
      }
    });
  });

  it("does not serve a namespace that was set up with another bucket", async () => {
    database = await createTestDatabase();
    const first = await startService({ databaseUrl: database.url });
    await first.stop();
    service = await startService({
      databaseUrl: database.url,
      settings: { SLUICE_S3_KEY_PREFIX: "elsewhere/" },
      isReadyAwaited: false,
    });
    await until("it has looked", () => problemOf("database").includes("set up with"));
    const headers = { connection: "close", authorization: "Bearer service-token" };
    const answer = await fetch(`${service.url}/readyz`, { headers });
    expect(answer.status).to.equal(503);
    expect(await answer.text()).to.include("set up with keyPrefix");
  });

  it("answers though its bucket does not, and says so", async () => {
    service = await startService({ settings: { SLUICE_S3_BUCKET: "no-such-bucket" }, isReadyAwaited: false });
    await until("it has looked", () => problemOf("storage").includes("no-such-bucket"));
    await until("the database is well", () => problemOf("database") === "");
    const listed = await fetch(`${service.url}/sluice.v1.FileQueryService/ListFiles`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer service-token", connection: "close" },
      body: '{"namespace":"default"}',
    });
    expect(listed.status).to.equal(200);
  });

  it("refuses to start when its TLS files cannot be read, and leaves no port open", async () => {
    service = await startService();
    const { config } = service;
    const files = { certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem", clientCaFile: undefined };
    const failed = await startApp({ ...config, tls: files }, pino({ level: "silent" })).catch((error) => error.message);
    expect(failed).to.contain("SLUICE_TLS_CERT is /nowhere/cert.pem, which cannot be read (ENOENT)");
    const socket = connect(service.app.port, "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
  });
});
