import { AssertionError, expect } from "chai";
import { Client } from "pg";
import { createTestDatabase, type TestDatabase } from "../rigs/database/postgres.ts";
import { findKeyBreaches, type SchemaIndex, SELECT_SCHEMA_INDEXES } from "./key-rules.ts";

describe("the keys of the schema", () => {
  let database: TestDatabase;
  let client: Client;
  before(async () => {
    database = await createTestDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
  });
  after(async () => {
    await client.end();
    await database.drop();
  });

  const readIndexes = async () => (await client.query<SchemaIndex>(SELECT_SCHEMA_INDEXES)).rows;

  it("begin with the namespace, or are named as exceptions with their reasons", async () => {
    const breaches = findKeyBreaches(await readIndexes());
    if (breaches.length > 0) throw new AssertionError(`\n  ${breaches.join("\n  ")}`);
  });

  it("refer to rows of their own namespace, or by the id of an upload", async () => {
    const { rows } = await client.query(`
      SELECT c.conname AS name FROM pg_constraint c
      WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace AND NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) AND a.attname = 'namespace')
      ORDER BY 1`);
    expect(rows.map(({ name }) => name)).to.deep.equal(["part_upload_id_fkey", "writer_upload_id_fkey"]);
  });

  it("are told when they do not, and so are exceptions that are none", async () => {
    await client.query(`
      BEGIN;
      CREATE TABLE sample (namespace text, name text UNIQUE, size bigint, PRIMARY KEY (name, namespace));
      CREATE INDEX sample_length ON sample (length(name), namespace);
      CREATE INDEX sample_good ON sample (namespace, name)`);
    const indexes = await readIndexes();
    await client.query("ROLLBACK");
    const sample = indexes.filter(({ table }) => table === "sample");
    const remedy =
      "begin it with namespace, or name it with its reason in EXCEPTIONS of src/testing/structure/key-rules.ts";
    expect(findKeyBreaches(sample, {})).to.deep.equal([
      `the index sample_length of table sample begins with length(name): ${remedy}`,
      `the index sample_name_key of table sample begins with name: ${remedy}`,
      `the index sample_pkey of table sample begins with name: ${remedy}`,
    ]);
    const exceptions = { sample_length: "a reason", sample_name_key: "a reason", sample_pkey: "a reason" };
    expect(findKeyBreaches(sample, exceptions)).to.deep.equal([]);
    const [unneeded, absent] = ["sample_good", "sample_gone"];
    expect(findKeyBreaches(sample, { ...exceptions, [unneeded]: "a reason", [absent]: "a reason" })).to.deep.equal(
      [unneeded, absent].map(
        (name) =>
          `no index ${name} begins with anything but namespace: take it out of EXCEPTIONS of src/testing/structure/key-rules.ts`,
      ),
    );
  });
});
