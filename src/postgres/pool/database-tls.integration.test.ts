import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import { createTestDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { expectRefusal } from "../../testing/rigs/database/repository-subject.ts";
import { startTlsPostgres } from "../../testing/rigs/database/tls-postgres.ts";
import { createTlsCertificate, type TlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { until } from "../../testing/rigs/until.ts";
import { migrate, validateMigrations } from "../schema/migrate.ts";
import type { DatabaseTls } from "./database-tls.ts";
import { createDatabasePool, createDatabasePools } from "./pool.ts";

const isTls = sql.type(z.object({ ssl: z.boolean(), version: z.string() }))`
  SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;

describe("TLS to the database", () => {
  let authority: TlsCertificate;
  let stranger: TlsCertificate;
  let server: Awaited<ReturnType<typeof startTlsPostgres>> | undefined;
  let misnamed: typeof server;
  let plain: TestDatabase;
  before(async function () {
    const made = await createTlsCertificate();
    if (made === undefined) return this.skip();
    authority = made;
    stranger = (await createTlsCertificate()) as TlsCertificate;
    const certificate = (options: object) => createTlsCertificate({ issuer: authority, ...options });
    server = await startTlsPostgres((await certificate({})) as TlsCertificate);
    misnamed = await startTlsPostgres((await certificate({ names: "DNS:db.example.com" })) as TlsCertificate);
    plain = await createTestDatabase();
  });
  after(async () => {
    await server?.stop();
    await misnamed?.stop();
    await plain?.drop();
  });

  /** Opens a pool and asks something by it. */
  const ask = async (options: { url: string; tls?: DatabaseTls }) => {
    const pool = await createDatabasePool("test", options);
    try {
      return await pool.one(isTls);
    } finally {
      await pool.end();
    }
  };
  /** The ways to the database: a pool, the migrations, and the check of them at the start. */
  const WAYS = [ask, migrate, validateMigrations];

  it("is used by the pool and the migrations where the authority is known", async () => {
    const options = { url: server!.url, tls: { ca: authority.cert } };
    expect(await ask(options)).to.deep.equal({ ssl: true, version: "TLSv1.3" });
    expect(await migrate(options)).to.deep.equal({ applied: [] });
    expect(await validateMigrations(options)).to.deep.equal({ pending: [] });
  });

  it("compares the certificate with the host's name as well as with its address", async () => {
    const url = server!.url.replace("127.0.0.1", "localhost");
    expect(await ask({ url, tls: { ca: authority.cert } })).to.include({ ssl: true });
  });

  for (const [what, options, sentence] of [
    [
      "another authority",
      () => ({ url: server!.url, tls: { ca: stranger.cert } }),
      /not trusted; .* SLUICE_DATABASE_CA/,
    ],
    ["an authority that Node does not know", () => ({ url: server!.url, tls: { ca: undefined } }), /is not trusted/],
    [
      "another name",
      () => ({ url: misnamed!.url, tls: { ca: authority.cert } }),
      /for other names than that of its URL/,
    ],
    [
      "no TLS",
      () => ({ url: plain.adminUrl, tls: { ca: authority.cert } }),
      /does not answer over TLS; turn its ssl on/,
    ],
  ] as const) {
    it(`refuses a server with ${what}, on every way, and says so`, async () => {
      for (const way of WAYS) {
        const { message } = await expectRefusal(way(options()), "DATABASE_UNAVAILABLE");
        expect(message).to.match(sentence);
      }
    });
  }

  it("is there for the read replica too", async () => {
    const changes: unknown[] = [];
    const primary = { url: server!.url, tls: { ca: authority.cert } };
    const pools = await createDatabasePools({
      ...primary,
      replica: { ...primary, tls: { ca: stranger.cert } },
      onReplicaChange: (isUsable, error) => changes.push([isUsable, error]),
    });
    try {
      expect(await pools.read(undefined, (pool) => pool.one(isTls)), "by the primary").to.include({ ssl: true });
      const [[isUsable, error]] = await until(
        "the replica was tried",
        () => changes.length > 0 && (changes as [[boolean, Error]]),
      );
      expect(isUsable).to.equal(false);
      expect(error.message).to.contain("is not trusted");
    } finally {
      await pools.end();
    }
  });
});
