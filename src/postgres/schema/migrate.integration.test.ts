import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Client } from "pg";
import { createEmptyDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { executeOn } from "../../testing/rigs/database/postgres-form.ts";
import { expectRefusal } from "../../testing/rigs/database/repository-subject.ts";
import { migrate, validateMigrations } from "./migrate.ts";

describe("migrate", () => {
  let database: TestDatabase;
  let directory: string;
  beforeEach(async () => {
    database = await createEmptyDatabase();
    directory = await mkdtemp(join(tmpdir(), "sluice-migrations-"));
  });
  afterEach(async () => {
    await database.drop();
    await rm(directory, { recursive: true });
  });
  const put = (name: string, text: string) => writeFile(join(directory, name), text);
  const run = () => migrate({ url: database.url, directory });
  const select = async (statement: string) => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  };

  it("applies our own migrations once", async () => {
    const { applied } = await migrate({ url: database.url });
    expect(applied[0]).to.equal("V1__initial_schema.sql");
    expect(await migrate({ url: database.url })).to.deep.equal({ applied: [] });
    expect(await validateMigrations({ url: database.url })).to.deep.equal({ pending: [] });
  });

  it("says what is missing when the user may not make the extension, and who makes it", async () => {
    const role = `stranger_${process.pid}`;
    await executeOn(
      database.adminUrl,
      `DROP EXTENSION IF EXISTS pg_trgm; CREATE ROLE ${role} LOGIN PASSWORD 'test'; GRANT CREATE ON SCHEMA public TO ${role}`,
    );
    const strange = new URL(database.adminUrl);
    strange.username = role;
    try {
      const error = await expectRefusal(migrate({ url: strange.href }), "ARGUMENT_INVALID");
      expect(error.message).to.equal(
        `the database lacks the extension pg_trgm, and the user ${role} may not create it. ` +
          `Let the database's owner or an administrator run in the database ${strange.pathname.slice(1)}: CREATE EXTENSION pg_trgm`,
      );
      await executeOn(database.adminUrl, "CREATE EXTENSION pg_trgm");
      expect((await migrate({ url: strange.href })).applied[0]).to.equal("V1__initial_schema.sql");
    } finally {
      await executeOn(database.adminUrl, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it("applies once when replicas start together", async () => {
    await put("V1__a.sql", "CREATE TABLE a (n int)");
    const outcomes = await Promise.all([run(), run(), run()]);
    expect(outcomes.flatMap((outcome) => outcome.applied)).to.deep.equal(["V1__a.sql"]);
  });

  it("applies what is new, and repeatable files when they change", async () => {
    await put("V1__a.sql", "CREATE TABLE a (n int)");
    await put("R__v.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS n");
    expect(await validateMigrations({ url: database.url, directory })).to.deep.equal({
      pending: ["V1__a.sql", "R__v.sql"],
    });
    expect((await run()).applied).to.deep.equal(["V1__a.sql", "R__v.sql"]);
    await put("V2__b.sql", "CREATE TABLE b (n int)");
    expect((await run()).applied).to.deep.equal(["V2__b.sql"]);
    await put("R__v.sql", "CREATE OR REPLACE VIEW v AS SELECT 2 AS n");
    expect((await run()).applied).to.deep.equal(["R__v.sql"]);
    expect(await select("SELECT n FROM v")).to.deep.equal([{ n: 2 }]);
  });

  it("keeps nothing of a file that fails, and the files before it", async () => {
    await put("V1__a.sql", "CREATE TABLE a (n int)");
    await put("V2__b.sql", "CREATE TABLE b (n int); SELECT nonsense");
    const error = await expectRefusal(run(), "ARGUMENT_INVALID");
    expect(error.message).to.include("V2__b.sql failed; nothing of it was kept");
    await put("V2__b.sql", "CREATE TABLE b (n int)");
    expect((await run()).applied).to.deep.equal(["V2__b.sql"]);
  });

  it("runs a file outside a transaction when its .conf says so, and remembers that it failed", async () => {
    await put("V1__a.sql", "CREATE TABLE a (n int)");
    await put("V2__i.sql", "CREATE INDEX CONCURRENTLY i ON a (n)");
    await put("V2__i.sql.conf", "executeInTransaction=false");
    expect((await run()).applied).to.deep.equal(["V1__a.sql", "V2__i.sql"]);
    await put("V3__j.sql", "CREATE INDEX CONCURRENTLY j ON a (nonsense)");
    await put("V3__j.sql.conf", "executeInTransaction=false");
    expect((await expectRefusal(run(), "ARGUMENT_INVALID")).message).to.include("may have been kept");
    expect((await expectRefusal(run(), "ARGUMENT_INVALID")).message).to.include("V3__j.sql failed half-way");
  });

  it("refuses files that contradict what was applied", async () => {
    await put("V1__a.sql", "CREATE TABLE a (n int)");
    await put("V3__b.sql", "CREATE TABLE b (n int)");
    await run();
    const refusal = async () => (await expectRefusal(run(), "ARGUMENT_INVALID")).message;
    await put("V3__b.sql", "CREATE TABLE b (n bigint)");
    expect(await refusal()).to.include("V3__b.sql was changed after it was applied");
    await put("V3__b.sql", "CREATE TABLE b (n int)");
    await put("V2__late.sql", "CREATE TABLE late (n int)");
    expect(await refusal()).to.include("V2__late.sql comes too late");
    await rm(join(directory, "V2__late.sql"));
    await rm(join(directory, "V3__b.sql"));
    await put("V3__c.sql", "CREATE TABLE b (n int)");
    expect(await refusal()).to.include("is named V3__c.sql now");
    await rm(join(directory, "V3__c.sql"));
    await put("V4__d.sql", "CREATE TABLE d (n int)");
    expect(await refusal()).to.include("its file is missing");
  });

  for (const [what, name] of [
    ["another first migration", "V1__namespaces_uploads_files.sql"],
    ["the first migration with another content", "V1__initial_schema.sql"],
  ] as const) {
    it(`refuses a database that was made before the first release, by ${what}, and says what to do`, async () => {
      await put(name, "CREATE TABLE namespace (name text)");
      await put("V2__upload_outcomes.sql", "CREATE TABLE upload (n int)");
      await run();
      for (const work of [migrate, validateMigrations]) {
        const { code, message } = await expectRefusal(work({ url: database.url }), "ARGUMENT_INVALID");
        expect(code).to.equal("failed_precondition");
        expect(message)
          .to.match(new RegExp(`^the database begins with migration ${name} \\(checksum -?\\d+\\)`))
          .and.to.match(/this version of Sluice with V1__initial_schema.sql \(checksum -?\d+\)/)
          .and.to.contain("then give this one an empty database");
      }
      expect(await select("SELECT count(*)::int AS applied FROM flyway_schema_history")).to.deep.equal([
        { applied: 2 },
      ]);
    });
  }

  it("lets an older release run on a newer schema", async () => {
    await put("V1__a.sql", "CREATE TABLE a (n int)");
    await put("V2__b.sql", "CREATE TABLE b (n int)");
    await run();
    await rm(join(directory, "V2__b.sql"));
    expect(await run()).to.deep.equal({ applied: [] });
  });

  it("refuses a database that cannot hold all of Unicode", async () => {
    await executeOn(database.adminUrl, "CREATE DATABASE ascii_only TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
    const url = new URL(database.url);
    url.pathname = "/ascii_only";
    try {
      const error = await expectRefusal(migrate({ url: url.href, directory }), "ARGUMENT_INVALID");
      expect(error.message).to.match(/has the encoding SQL_ASCII; create one with .*'UTF8'/);
    } finally {
      await executeOn(database.adminUrl, "DROP DATABASE ascii_only");
    }
  });

  it("refuses a database that is somebody else's", async () => {
    await select("CREATE TABLE theirs (n int)");
    expect((await expectRefusal(run(), "ARGUMENT_INVALID")).message).to.include("holds tables");
  });
});
