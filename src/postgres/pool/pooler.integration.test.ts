import { expect } from "chai";
import { Client } from "pg";
import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { type PgBouncer, startPgBouncer } from "../../testing/rigs/database/pgbouncer.ts";
import { createTestDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { executeOn } from "../../testing/rigs/database/postgres-form.ts";
import { expectRefusal } from "../../testing/rigs/database/repository-subject.ts";
import { withUntoldRole } from "../../testing/rigs/database/untold-role.ts";
import { migrate, validateMigrations } from "../schema/migrate.ts";
import { createDatabasePool } from "./pool.ts";
import { findServerLacks } from "./server-lacks.ts";

const backendRow = z.object({ backend: z.int() });

describe("createDatabasePool, behind PgBouncer that gives each transaction another session", () => {
  let database: TestDatabase;
  let bouncer: PgBouncer | undefined;
  let pool: DatabasePool | undefined;
  let url: string;

  before(async function () {
    database = await createTestDatabase();
    const started = await startPgBouncer(database.adminUrl);
    if (typeof started === "string") {
      console.log(`      skipped: ${started}`);
      return this.skip();
    }
    bouncer = started;
    url = started.url;
  });
  afterEach(async () => {
    await pool?.end();
    pool = undefined;
  });
  after(async () => {
    await bouncer?.stop();
    await database.drop();
  });

  it("runs named statements, whichever session they come to", async () => {
    const opened = await createDatabasePool("pooled", { url });
    pool = opened;
    const ask = () => opened.oneFirst(sql.prepared("which_session", backendRow)`SELECT pg_backend_pid() AS backend`);
    const first = await ask();
    // Whoever is in a transaction keeps the only session that there is so far, and the pooler opens another one.
    const holder = new Client({ connectionString: url });
    await holder.connect();
    try {
      await holder.query("BEGIN");
      const { rows } = await holder.query("SELECT pg_backend_pid() AS backend");
      expect(rows).to.deep.equal([{ backend: first }]);
      expect(await ask()).to.not.equal(first);
    } finally {
      await holder.end();
    }
  });

  it("keeps what is set for a transaction in it", async () => {
    pool = await createDatabasePool("pooled", { url });
    const settingRow = z.object({ timeout: z.string() });
    const read = sql.type(settingRow)`SELECT current_setting('statement_timeout') AS timeout`;
    const inside = await pool.transaction(async (transaction) => {
      await transaction.query(sql.unsafe`SELECT set_config('statement_timeout', '1234', true)`);
      return await transaction.oneFirst(read);
    });
    expect([inside, await pool.oneFirst(read)]).to.deep.equal(["1234ms", "0"]);
  });

  it("says what is right when the URL does not name the pooler", async () => {
    const error = await expectRefusal(
      createDatabasePool("unaware", { url: url.replace("?pooler=transaction", "") }),
      "DATABASE_UNAVAILABLE",
    );
    expect(error.message).to.include("write pooler=transaction into its URL");
  });

  it("leaves migrations to the database itself, and compares schemas by the pooler", async () => {
    const error = await expectRefusal(migrate({ url }), "ARGUMENT_INVALID");
    expect(error.message).to.include("name the database itself, past the pooler, in SLUICE_DATABASE_DIRECT_URL");
    expect(await validateMigrations({ url })).to.deep.equal({ pending: [] });
  });

  it("misses the limits that a pooler does not pass on, until the role has them", async () => {
    const findLacks = async () => {
      const opened = await createDatabasePool("pooled", { url });
      const lacks = await findServerLacks(opened).finally(() => opened.end());
      return lacks.filter(({ message }) => message.startsWith("behind the pooler"));
    };
    const [lack] = await findLacks();
    expect(lack?.message).to.equal(
      "behind the pooler nothing ends a statement or a transaction that hangs (statement_timeout, idle_in_transaction_session_timeout)",
    );
    const role = new URL(url).username;
    expect(lack?.mend).to.equal(
      `run at the database: ALTER ROLE ${role} SET statement_timeout = '10000ms'; ` +
        `ALTER ROLE ${role} SET idle_in_transaction_session_timeout = '10000ms'`,
    );
    const name = new URL(database.adminUrl).pathname.slice(1);
    const inDatabase = `ALTER ROLE ${role} IN DATABASE ${name} SET`;
    await executeOn(
      database.adminUrl,
      `${inDatabase} statement_timeout = '10s'; ${inDatabase} idle_in_transaction_session_timeout = '10s'`,
    );
    // Sessions that were opened before keep their limits.
    await bouncer?.stop();
    bouncer = (await startPgBouncer(database.adminUrl)) as PgBouncer;
    url = bouncer.url;
    expect(await findLacks()).to.deep.equal([]);
  });
});

describe("findServerLacks", () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(() => database.drop());

  it("finds that a server does not tell which cluster it is", async () => {
    await withUntoldRole(database, "quiet", async (url, role) => {
      const pool = await createDatabasePool("quiet", { url });
      try {
        expect(await findServerLacks(pool)).to.deep.equal([
          {
            message:
              "the database does not tell which cluster it is, so the feed of events does not notice that it was restored",
            mend: `run GRANT EXECUTE ON FUNCTION pg_control_system, pg_control_checkpoint TO ${role}, or after each restore: INSERT INTO journal_origin (made_by) VALUES ('restored')`,
          },
        ]);
      } finally {
        await pool.end();
      }
    });
  });
});
