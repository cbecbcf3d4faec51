import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import type { FilePage } from "../../domain/files/file-repository.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import { enteredByTest } from "../../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { WALK_FILES_MAX } from "../search/list-files.ts";
import { listSuperseded } from "./list-superseded.ts";

const FILES = 2 * WALK_FILES_MAX + 100;

describe("listSuperseded", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async () => {
    subject = await createPostgresSubject();
    await subject.pools.commands.query(sql.unsafe`
      ${enteredByTest} INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, bucket,
        region, s3_key, s3_version_id, etag, principal, supersede_time, purge_time)
      SELECT gen_random_uuid(), 'default', 'f/' || lpad((i / 2)::text, 6, '0'), 1 + i % 2, i, 1, 'text/plain', '{}',
        'b', 'r', 'k' || i, '', 'e', 'p', CASE i % 2 WHEN 0 THEN now() END,
        CASE i % 2 WHEN 0 THEN now() + interval '1 hour' END
      FROM generate_series(2, ${2 * FILES} + 1) i`);
    await subject.pools.commands.query(sql.unsafe`VACUUM ANALYZE file`);
  });
  after(() => subject.close());

  it("looks at a bounded number of generations a page, by their index, and goes on where it stopped", async () => {
    const filter = parseFileFilter("size_bytes = 1");
    let [pages, after]: [number, FilePage["next"]] = [0, undefined];
    do {
      const page = await listSuperseded(subject.pools.queries, "default", { filter, limit: 10, after });
      expect(page.files).to.deep.equal([]);
      pages++;
      after = page.next;
    } while (after !== undefined);
    expect(pages).to.equal(3);
  });

  it("reads no table in order to list a page", async () => {
    const plans: string[] = [];
    const pool = {
      ...subject.pools.queries,
      any: async (query: { sql: string }) => {
        const parser = z.object({ "QUERY PLAN": z.string() });
        const rows = await subject.pools.queries.any({ ...query, sql: `EXPLAIN ${query.sql}`, parser } as never);
        plans.push(rows.map((row) => (row as { "QUERY PLAN": string })["QUERY PLAN"]).join("\n"));
        return [];
      },
    };
    for (const filter of ["size_bytes = 1", 'path = "f/00*"', ""]) {
      await listSuperseded(pool as never, "default", {
        filter: parseFileFilter(filter),
        limit: 10,
        after: { path: "f/000002", generation: 1 },
      });
    }
    for (const plan of plans) expect(plan).to.contain("file_superseded_path").and.not.contain("Seq Scan on file");
    expect(plans).to.have.length(3);
  });

  it("knows no cursor of another order", async () => {
    const after = { value: 1, fileId: "00000000-0000-4000-8000-000000000001" };
    const listing = listSuperseded(subject.pools.queries, "default", { filter: undefined, limit: 1, after });
    expect(await listing.catch((error) => error)).to.be.instanceOf(Error);
  });
});
