import { expect } from "chai";
import { ensureNamespace } from "../../testing/rigs/database/ensure-namespace.ts";
import { createEmptyDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { executeOn } from "../../testing/rigs/database/postgres-form.ts";
import { commitFile, nextPath } from "../../testing/rigs/database/repository-subject.ts";
import { createFileRepository } from "../files/file-repository.ts";
import { createJournalRelay } from "../journal/journal-relay.ts";
import { createDatabasePools, type DatabasePools } from "../pool/pool.ts";
import { createUploadRepositories } from "../uploads/upload-repositories.ts";
import { migrate, validateMigrations } from "./migrate.ts";

/** Citus distributes whole schemas: docs/beyond-one-primary.md. */
describe("services that share a database, each in the schema that its role's search_path names", () => {
  const roles = ["first", "second"].map((name) => `${name}_${process.pid}`);
  let database: TestDatabase;
  const opened: DatabasePools[] = [];
  before(async () => {
    database = await createEmptyDatabase();
    await executeOn(database.adminUrl, "CREATE EXTENSION IF NOT EXISTS pg_trgm");
    for (const role of roles) {
      await executeOn(
        database.adminUrl,
        `CREATE ROLE ${role} LOGIN PASSWORD 'test'; CREATE SCHEMA ${role} AUTHORIZATION ${role};
         ALTER ROLE ${role} SET search_path = ${role}, public`,
      );
    }
  });
  after(async () => {
    await Promise.all(opened.map((pools) => pools.end()));
    await executeOn(database.adminUrl, `DROP OWNED BY ${roles.join(", ")}; DROP ROLE ${roles.join(", ")}`);
    await database.drop();
  });

  it("keep files of the same namespace and path apart, and number entries of their own", async () => {
    const path = nextPath();
    const subjects = [];
    for (const role of roles) {
      const url = new URL(database.adminUrl);
      url.username = role;
      await migrate({ url: url.href });
      expect(await validateMigrations({ url: url.href })).to.deep.equal({ pending: [] });
      const pools = await createDatabasePools({ url: url.href });
      opened.push(pools);
      await ensureNamespace(pools.commands, { name: "default", bucket: "bucket", keyPrefix: `${role}/` });
      subjects.push({
        uploads: createUploadRepositories(pools.commands),
        files: createFileRepository(pools),
        relay: createJournalRelay(pools.commands),
      });
    }
    for (const { uploads, files, relay } of subjects) {
      await commitFile({ uploads }, path);
      expect((await files.get("default", path)).generation).to.equal(1);
      expect(await relay.numberNew()).to.equal(3);
      expect(await relay.makePartitions()).to.equal(0);
    }
  });
});
