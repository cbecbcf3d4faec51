import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { Client } from "pg";
import { ensureNamespace } from "../../testing/rigs/database/ensure-namespace.ts";
import { createEmptyDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { commitFile, nextPath } from "../../testing/rigs/database/repository-subject.ts";
import { findTool, TOOLS } from "../../testing/rigs/tools/find-tool.ts";
import { testedBlock } from "../../testing/structure/pages.ts";
import { createFileRepository } from "../files/file-repository.ts";
import { createDatabasePools } from "../pool/pool.ts";
import { createUploadRepositories } from "../uploads/upload-repositories.ts";
import { migrate, validateMigrations } from "./migrate.ts";

const CONFIG = fileURLToPath(new URL("../../../deploy/flyway/flyway.toml", import.meta.url));
/** A JVM on a busy machine, in milliseconds; Flyway that waits for its own lock takes longer. */
const FLYWAY_TIMEOUT_MS = 120_000;
const OWN = fileURLToPath(new URL("../../../migrations/", import.meta.url));

describe("deploy/flyway", () => {
  let program: string;
  let database: TestDatabase;
  /** Holds a copy of our migrations, as the top of the repository does. */
  let directory: string;
  before(async function () {
    const found = await findTool(TOOLS.flyway);
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      return this.skip();
    }
    program = found.program;
  });
  beforeEach(async () => {
    database = await createEmptyDatabase();
    directory = await mkdtemp(join(tmpdir(), "sluice-flyway-"));
    await cp(OWN, join(directory, "migrations"), { recursive: true });
  });
  afterEach(async () => {
    await database.drop();
    await rm(directory, { recursive: true });
  });
  const put = (name: string, text: string) => writeFile(join(directory, "migrations", name), text);

  /** What Flyway prints; rejects with it where Flyway fails. */
  async function flyway(command: "migrate" | "validate"): Promise<string> {
    const { host, pathname, username, password } = new URL(database.url);
    const login = {
      FLYWAY_URL: `jdbc:postgresql://${host}${pathname}`,
      FLYWAY_USER: username,
      FLYWAY_PASSWORD: password,
    };
    const { stdout } = await promisify(execFile)(program, [`-configFiles=${CONFIG}`, command], {
      cwd: directory,
      env: { PATH: process.env.PATH, HOME: directory, ...login },
      timeout: FLYWAY_TIMEOUT_MS,
    }).catch(({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`flyway ${command} failed:\n${stdout}${stderr}`);
    });
    return stdout;
  }

  it("lets Flyway go on after Sluice", async () => {
    await migrate({ url: database.url });
    expect(await flyway("validate")).to.include("Successfully validated 2 migrations");
    expect(await flyway("migrate")).to.include('Schema "public" is up to date. No migration necessary.');
    expect(await validateMigrations({ url: database.url })).to.deep.equal({ pending: [] });
  });

  it("lets Sluice go on after Flyway", async () => {
    expect(await flyway("migrate")).to.include('Successfully applied 2 migrations to schema "public"');
    expect(await migrate({ url: database.url })).to.deep.equal({ applied: [] });
    expect(await flyway("validate")).to.include("Successfully validated 2 migrations");
    const pools = await createDatabasePools({ url: database.url });
    try {
      await ensureNamespace(pools.commands);
      const subject = {
        uploads: createUploadRepositories(pools.commands),
        files: createFileRepository(pools),
        close: async () => undefined,
      };
      const { path } = await commitFile(subject, nextPath());
      expect((await subject.files.get("default", path)).generation).to.equal(1);
    } finally {
      await pools.end();
    }
  });

  it("leaves the rights of the service's role to the statements of the page", async () => {
    await flyway("migrate");
    const client = new Client({ connectionString: database.adminUrl });
    await client.connect();
    try {
      // Roles belong to all databases of the server, and those of this test to nobody else.
      await client.query("BEGIN; CREATE ROLE rds_iam");
      await client.query(testedBlock("deploying", "Migrations by Flyway", "sql"));
      const { rows } = await client.query("SELECT has_table_privilege('sluice_service', 'file', 'INSERT') AS may");
      expect(rows).to.deep.equal([{ may: true }]);
    } finally {
      await client.query("ROLLBACK");
      await client.end();
    }
  });

  it("lets both apply a later file that builds an index concurrently", async () => {
    await migrate({ url: database.url });
    await put("V1000__later.sql", "CREATE INDEX CONCURRENTLY later ON namespace (name)");
    await put("V1000__later.sql.conf", "executeInTransaction=false");
    expect(await flyway("migrate")).to.include("now at version v1000");
    const all = { url: database.url, directory: join(directory, "migrations") };
    expect(await migrate(all)).to.deep.equal({ applied: [] });
    await put("V1001__latest.sql", "DROP INDEX CONCURRENTLY later");
    await put("V1001__latest.sql.conf", "executeInTransaction=false");
    expect(await migrate(all)).to.deep.equal({ applied: ["V1001__latest.sql"] });
    expect(await flyway("validate")).to.include("Successfully validated 4 migrations");
  });

  it("lets neither pass over a file whose name is no migration's", async () => {
    await put("later.sql", "SELECT 1");
    const own = () => migrate({ url: database.url, directory: join(directory, "migrations") });
    for (const work of [() => flyway("migrate"), own])
      expect(await work().catch(({ message }) => message)).to.include("later.sql");
  });
});
