import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { EmbeddedPostgres } from "../../devstack/embedded-postgres.ts";
import { type RdsGate, startRdsGate } from "../../testing/rigs/database/rds-gate.ts";
import { expectRefusal } from "../../testing/rigs/database/repository-subject.ts";
import { startTrustingPostgres } from "../../testing/rigs/database/trusting-postgres.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { createTlsCertificate, type TlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { until } from "../../testing/rigs/until.ts";
import { migrate, validateMigrations } from "../schema/migrate.ts";
import { createDatabasePool } from "./pool.ts";

const CREDENTIALS = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "secret" };
const REGION = "eu-central-1";
const SERVICE = "sluice service";
const who = sql.type(z.object({ name: z.string(), port: z.int() }))`
  SELECT current_user AS name, inet_server_port() AS port`;

describe("Logins by tokens of RDS", () => {
  let directory: string;
  let certificate: TlsCertificate;
  let gate: RdsGate;
  let elapsedMs = 0;
  const servers: EmbeddedPostgres[] = [];
  const environment = { ...process.env };

  before(async function () {
    const made = await createTlsCertificate();
    if (made === undefined) return this.skip();
    certificate = made;
    directory = await mkdtemp(join(tmpdir(), "sluice-test-rds-"));
    servers.push(await startTrustingPostgres(join(directory, "first")));
    servers.push(await startTrustingPostgres(join(directory, "second")));
    gate = await startRdsGate(servers[0]!.port, {
      certificate,
      credentials: CREDENTIALS,
      region: REGION,
      iamUsers: ["sluice", SERVICE],
      now: () => fromNow(60_000 + elapsedMs).getTime(),
    });
  });
  beforeEach(() => {
    process.env.AWS_ACCESS_KEY_ID = CREDENTIALS.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey;
    elapsedMs = 0;
  });
  after(async () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) {
      if (environment[name] === undefined) delete process.env[name];
      else process.env[name] = environment[name];
    }
    await gate?.stop();
    for (const server of servers) await server.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  const optionsOf = ({ user = "sluice", region = REGION } = {}) => {
    const url = new URL(gate.url);
    url.username = user;
    return { url: url.href, tls: { ca: certificate.cert }, iamRegion: region };
  };
  const use = async (work: (pool: DatabasePool) => Promise<void>) => {
    const pool = await createDatabasePool("test", optionsOf());
    try {
      await work(pool);
    } finally {
      await pool.end();
    }
  };

  it("work for migrations and for the pool", async () => {
    for (const { port } of servers) {
      gate.serverPort = port;
      expect((await migrate({ ...optionsOf(), serviceRole: SERVICE })).applied).to.not.deep.equal([]);
      expect(await validateMigrations(optionsOf())).to.deep.equal({ pending: [] });
    }
    gate.serverPort = servers[0]!.port;
    await use(async (pool) => {
      expect(await pool.one(who)).to.include({ name: "sluice" });
    });
  });

  it("are what the service's role has, which migrations make and give its rights", async () => {
    const pool = await createDatabasePool("test", optionsOf({ user: SERVICE }));
    try {
      const isMember = sql.type(z.object({ isMember: z.boolean() }))`
        SELECT pg_has_role('rds_iam', 'MEMBER') AS "isMember" FROM (SELECT count(*) FROM file) AS files`;
      expect(await pool.one(isMember)).to.deep.equal({ isMember: true });
    } finally {
      await pool.end();
    }
    expect(await migrate({ ...optionsOf(), serviceRole: SERVICE })).to.deep.equal({ applied: [] });
  });

  it("last as long as the connection, and each new connection needs a token that is valid then", async () => {
    await use(async (pool) => {
      await pool.one(who);
      const { logins } = gate.seen;
      elapsedMs = 16 * 60_000;
      expect(await pool.one(who), "by the open connection").to.include({ name: "sluice" });
      expect(gate.seen.logins).to.equal(logins);
      // To a server whose clock is ahead, each token comes after its 15 minutes.
      gate.cut();
      await until("the token is refused", async () => {
        const failure = await pool.one(who).then(
          () => undefined,
          (error: unknown) => String(error),
        );
        return failure?.includes("PAM authentication failed");
      });
      elapsedMs = 0;
      expect(await pool.one(who)).to.include({ name: "sluice" });
      expect(gate.seen.logins).to.be.above(logins);
    });
  });

  it("are made anew across a failover to another server", async () => {
    await use(async (pool) => {
      expect((await pool.one(who)).port).to.equal(servers[0]!.port);
      gate.serverPort = servers[1]!.port;
      gate.cut();
      const { port } = await until("the other server answers", () => pool.one(who).catch(() => undefined));
      expect(port).to.equal(servers[1]!.port);
    });
    gate.serverPort = servers[0]!.port;
  });

  for (const [what, options] of [
    ["a user without rds_iam", { user: "stranger" }],
    ["a token of another region", { region: "eu-west-1" }],
  ] as const) {
    it(`refuse ${what}, and say what to check`, async () => {
      for (const way of [(o: object) => createDatabasePool("test", o as never), migrate, validateMigrations]) {
        const { message } = await expectRefusal(way(optionsOf(options)), "DATABASE_UNAVAILABLE");
        expect(message).to.include("refuses the login").and.to.include("rds_iam");
      }
    });
  }

  it("refuse other credentials", async () => {
    process.env.AWS_SECRET_ACCESS_KEY = "another";
    await expectRefusal(createDatabasePool("test", optionsOf()), "DATABASE_UNAVAILABLE");
  });

  it("say so when there are no credentials", async () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) delete process.env[name];
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: "/dev/null" });
    Object.assign(process.env, { AWS_SHARED_CREDENTIALS_FILE: "/dev/null" });
    try {
      for (const way of [createDatabasePool.bind(undefined, "test"), migrate]) {
        const { message } = await expectRefusal(way(optionsOf()), "DATABASE_UNAVAILABLE");
        expect(message).to.include("no credentials of AWS");
      }
    } finally {
      for (const name of ["AWS_EC2_METADATA_DISABLED", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) {
        if (environment[name] === undefined) delete process.env[name];
        else process.env[name] = environment[name];
      }
    }
  });

  it("refuse an authority of RDS that has ended", async () => {
    const ended = (await createTlsCertificate({ issuer: certificate, days: -1 })) as TlsCertificate;
    const options = {
      credentials: CREDENTIALS,
      region: REGION,
      iamUsers: ["sluice"],
      now: () => fromNow(60_000).getTime(),
    };
    const other = await startRdsGate(servers[0]!.port, { ...options, certificate: ended });
    try {
      const url = new URL(other.url);
      url.username = "sluice";
      const { message } = await expectRefusal(
        createDatabasePool("test", { ...optionsOf(), url: url.href }),
        "DATABASE_UNAVAILABLE",
      );
      expect(message).to.include("certificate");
    } finally {
      await other.stop();
    }
  });
});
