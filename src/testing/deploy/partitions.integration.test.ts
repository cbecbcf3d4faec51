import { expect } from "chai";
import { Client } from "pg";
import { sql } from "slonik";
import { divideByNamespace, readPostgresForm } from "../rigs/database/postgres-form.ts";
import { createPostgresSubject } from "../rigs/database/postgres-subject.ts";
import { commitFile, nextPath } from "../rigs/database/repository-subject.ts";

/** Keys, references, indexes and triggers of the tables, without those that partitions have, and without what a copy writes in another way: parentheses. */
const SELECT_PARTS = `
  SELECT t.relname || ': ' || p.part AS part FROM pg_class t, LATERAL (
    SELECT replace(pg_get_indexdef(x.indexrelid), ' ONLY ', ' ') FROM pg_index x WHERE x.indrelid = t.oid
    UNION ALL SELECT c.conname || ' ' || pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.conrelid = t.oid AND c.conparentid = 0
    UNION ALL SELECT translate(pg_get_triggerdef(g.oid), '()', '') FROM pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal
  ) p (part)
  WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition ORDER BY 1`;

describe("deploy/postgres/partition-by-namespace.sql", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  let client: Client;
  before(function () {
    // The script is for the tables as the migrations make them, and for their owner.
    if (readPostgresForm() !== "plain") this.skip();
  });
  beforeEach(async () => {
    subject = await createPostgresSubject();
    client = new Client({ connectionString: subject.adminUrl });
    await client.connect();
  });
  afterEach(async () => {
    await client.end();
    await subject.close();
  });
  const select = async (statement: string) => (await client.query(statement)).rows.map((row) => Object.values(row)[0]);

  it("keeps every key, reference, index and trigger, and the rows that are there", async () => {
    const path = nextPath();
    await commitFile(subject, path);
    const before = await subject.files.get("default", path);
    const parts = await select(SELECT_PARTS);
    await divideByNamespace(subject.adminUrl);
    expect(await select(SELECT_PARTS)).to.have.members(parts);
    expect(await subject.files.get("default", path)).to.deep.equal(before);
    await commitFile(subject, path);
    expect((await subject.files.get("default", path)).generation).to.equal(2);
  });

  it("gives each namespace one partition, which alone is read for it", async () => {
    await divideByNamespace(subject.adminUrl);
    const path = nextPath();
    await commitFile(subject, path);
    for (const table of ["file", "file_label", "path_generation", "request"]) {
      expect(await select(`SELECT DISTINCT tableoid::regclass::text FROM ${table}`), table).to.have.length(1);
    }
    const plan = await subject.pools.queries.anyFirst(sql.unsafe`
      EXPLAIN SELECT f.file_id FROM file f WHERE f.namespace = 'default' AND f.path = ${path}
        AND f.supersede_time IS NULL AND f.delete_time IS NULL`);
    expect(plan.join("\n").match(/file_p\d/g)).to.have.length(1);
  });

  it("leaves the tables as they are when their rows do not fit into one partition", async () => {
    const parts = await select(SELECT_PARTS);
    const names = ["default", "other", "third", "fourth", "fifth", "sixth"];
    await client.query(
      `INSERT INTO path_generation (namespace, path, last_generation) SELECT n, 'a', 1 FROM unnest($1::text[]) n`,
      [names],
    );
    const error = await divideByNamespace(subject.adminUrl).catch((refusal: unknown) => refusal);
    expect(error).to.have.property("message").that.includes("path_generation_p");
    expect(await select(SELECT_PARTS)).to.deep.equal(parts);
  });
});
