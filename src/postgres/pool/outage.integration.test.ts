import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../devstack/embedded-postgres.ts";
import { ensureNamespace } from "../../testing/rigs/database/ensure-namespace.ts";
import { createTestDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import {
  createOpen,
  expectRefusal,
  newUpload,
  nextIdentity,
  nextUuid,
} from "../../testing/rigs/database/repository-subject.ts";
import { createFileRepository } from "../files/file-repository.ts";
import { migrate } from "../schema/migrate.ts";
import { createUploadRepositories } from "../uploads/upload-repositories.ts";
import { atBorder } from "./errors.ts";
import { createDatabasePool, createDatabasePools } from "./pool.ts";

/** A statement that ends by no clock of its own: a call that is not cut waits for it longer than mocha waits for a test. */
const ENDLESS = sql.unsafe`SELECT pg_sleep(3600)`;

describe("a database that is gone", () => {
  it("is told at once when nothing listens", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    server.close();
    await once(server, "close");
    const url = `postgres://u:p@127.0.0.1:${port}/d`;
    await expectRefusal(createDatabasePools({ url }), "DATABASE_UNAVAILABLE");
    await expectRefusal(migrate({ url }), "DATABASE_UNAVAILABLE");
  });

  it("is told within the connect timeout when nobody answers", async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const url = `postgres://u:p@127.0.0.1:${typeof address === "object" ? address?.port : 0}/d`;
    await expectRefusal(createDatabasePool("mute", { url, limits: { connectTimeoutMs: 100 } }), "DATABASE_UNAVAILABLE");
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });

  it("is told by every method while the server is down, and forgotten when it is back", async () => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-outage-"));
    const start = (port?: number): Promise<EmbeddedPostgres> =>
      startEmbeddedPostgres({
        dataDirectory: join(directory, "data"),
        password: "p",
        durable: false,
        ...(port !== undefined && { port }),
      });
    let server = await start();
    await migrate({ url: server.url });
    const pools = await createDatabasePools({ url: server.url });
    try {
      await ensureNamespace(pools.commands);
      const uploads = createUploadRepositories(pools.commands);
      const files = createFileRepository(pools);
      const upload = await createOpen({ uploads });
      const sleeping = pools.commands.query(ENDLESS).catch((error: unknown) => error);
      await server.stop();
      expect(await sleeping).to.be.instanceOf(Error);
      const created = uploads.catalogue.create({ ...newUpload(), uploadId: nextUuid() }, nextIdentity());
      expect(await expectRefusal(created, "DATABASE_UNAVAILABLE")).to.have.property("retryAfterMs", 1000);
      await expectRefusal(uploads.catalogue.get("default", upload.uploadId), "DATABASE_UNAVAILABLE");
      await expectRefusal(uploads.writers.beginPutAttempt(upload.uploadId, 1), "DATABASE_UNAVAILABLE");
      await expectRefusal(
        uploads.commits.commit(upload.uploadId, { fileId: nextUuid(), retentionMs: 1 }),
        "DATABASE_UNAVAILABLE",
      );
      await expectRefusal(files.get("default", upload.path), "DATABASE_UNAVAILABLE");
      await expectRefusal(ensureNamespace(pools.commands), "DATABASE_UNAVAILABLE");
      server = await start(server.port);
      const found = await uploads.catalogue.get("default", upload.uploadId);
      expect(found.upload).to.deep.equal(upload);
    } finally {
      await pools.end();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});

describe("createDatabasePool", () => {
  let database: TestDatabase;
  before(async () => {
    database = await createTestDatabase();
  });
  after(() => database.drop());

  it("refuses rows that are not what their schema says", async () => {
    const pool = await createDatabasePool("test", { url: database.url });
    const error = await pool.one(sql.type(z.object({ n: z.string() }))`SELECT 1 AS n`).catch((refusal) => refusal);
    expect(error).to.have.property("name", "Error");
    expect(error).to.have.property("message").that.includes("do not conform with the schema");
    const asynchronous = z.object({ n: z.int().refine(async () => true) });
    const unsupported = await pool.one(sql.type(asynchronous)`SELECT 1 AS n`).catch((refusal: unknown) => refusal);
    expect(unsupported).to.be.instanceOf(Error);
    await pool.end();
  });

  it("cancels a statement that lasts too long", async () => {
    const pool = await createDatabasePool("test", { url: database.adminUrl, limits: { statementTimeoutMs: 50 } });
    const error = await pool.query(ENDLESS).catch((refusal: unknown) => refusal);
    expect(error).to.have.property("name", "Error");
    expect(error).to.have.property("message").that.includes("statement_timeout");
    await pool.end();
  });

  it("cuts the statement of a call that is given up, and begins none for it", async () => {
    const limits = { connectionsMax: 1, statementTimeoutMs: 3_600_000 };
    const pool = await createDatabasePool("test", { url: database.url, limits });
    const calls = atBorder(
      {
        sleep: () => pool.query(ENDLESS),
        queued: () => pool.query(sql.unsafe`CREATE TABLE made_for_nobody ()`),
      },
      { deadlineMs: 200 },
    );
    await Promise.all([calls.sleep(), calls.queued()].map((call) => expectRefusal(call, "DATABASE_UNAVAILABLE")));
    const exists = sql.type(
      z.object({ found: z.string().nullable() }),
    )`SELECT to_regclass('made_for_nobody')::text AS found`;
    expect(await pool.oneFirst(exists), "by the connection that is free again").to.equal(null);
    await pool.end();
  });

  it("refuses a login that the server does not know", async () => {
    const url = new URL(database.adminUrl);
    url.password = "wrong";
    const error = await expectRefusal(createDatabasePool("test", { url: url.href }), "DATABASE_UNAVAILABLE");
    expect(error.message).to.include("refuses the login");
  });
});
