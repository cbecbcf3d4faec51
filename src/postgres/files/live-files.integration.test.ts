import { expect } from "chai";
import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { enteredByTest } from "../../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { LiveFiles } from "./live-files.ts";

const FILES = 3_000;

describe("LiveFiles, in PostgreSQL", () => {
  // Rows with words and trigrams take a while to make.
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;

  before(async () => {
    subject = await createPostgresSubject();
    await subject.pools.commands.query(sql.unsafe`
      ${enteredByTest} INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, labels, bucket,
        region, s3_key, s3_version_id, etag, principal, create_time, update_time, delete_time, purge_time)
      SELECT gen_random_uuid(), n.name, 'f/' || i, 1, i, 1, 'text/plain', '{}', '{}', 'b', 'r', n.name || i, '', 'e', 'p', now(), now(),
        CASE WHEN i % 10 = 0 THEN now() END, CASE WHEN i % 10 = 0 THEN now() + interval '1 hour' END
      FROM generate_series(1, ${sql.literalValue(String(FILES))}::integer) i, (VALUES ('default'), ('other')) n (name)`);
    await subject.pools.commands.query(sql.unsafe`VACUUM ANALYZE file`);
  });
  after(() => subject.close());

  it("finds each of many files that are asked for at once, and says of the others that they are not there", async () => {
    const files = new LiveFiles();
    const numbers = Array.from({ length: 500 }, (_, index) => (index * 7919) % (FILES + 100));
    const found = await Promise.all(
      numbers.map((number) => {
        const place = { namespace: number % 2 === 0 ? "default" : "other", path: `f/${number}` };
        return files.get(subject.pools.queries, place).then(
          ({ namespace, path, sizeBytes }) => ({ namespace, path, sizeBytes }),
          (error) => error.reason,
        );
      }),
    );
    const expected = numbers.map((number) =>
      number % 10 === 0 || number > FILES
        ? "FILE_NOT_FOUND"
        : { namespace: number % 2 === 0 ? "default" : "other", path: `f/${number}`, sizeBytes: number },
    );
    expect(found).to.deep.equal(expected);
    expect(found).to.include("FILE_NOT_FOUND");
  });

  it("looks each one up by the index of live paths, also by the plan that serves any number of them", async () => {
    const { queries } = subject.pools;
    let plan = "";
    // How the prepared statement would be run with whatever is asked for: it is planned so after a few calls.
    const planning = {
      any: async (query: { sql: string; values: readonly unknown[] }) => {
        await queries.transaction(async (transaction) => {
          const text = query.sql.replaceAll("$slonik_", "$");
          const run = (statement: string) =>
            transaction.any({ ...sql.type(planRow)`SELECT 1`, sql: statement, values: [] });
          await run("SET LOCAL plan_cache_mode = force_generic_plan");
          await run(`PREPARE looked_up (text[], text[]) AS ${text}`);
          const rows = await run("EXPLAIN EXECUTE looked_up ('{default}', '{f/1}')");
          plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
          await run("DEALLOCATE looked_up");
        });
        return [];
      },
    } as unknown as CommonQueryMethods;
    const place = { namespace: "default", path: "f/1" };
    await new LiveFiles().get(planning, place).catch((error) => expect(error.reason).to.equal("FILE_NOT_FOUND"));
    expect(plan).to.contain("Index Scan using file_live_path").and.not.contain("Seq Scan");
  });
});

const planRow = z.object({ "QUERY PLAN": z.string() }).partial();
