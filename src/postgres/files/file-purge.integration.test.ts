import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import { parseFileOrder } from "../../domain/files/file-order.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import { enteredByTest } from "../../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { commitFile } from "../../testing/rigs/database/repository-subject.ts";
import { WALK_FILES_MAX } from "../search/list-files.ts";
import { selectDue } from "./file-purge.ts";

/** What is read of a plan: how many rows the scan gave, and how many it looked at in vain. */
const scan = z.object({
  "Index Name": z.string(),
  "Actual Rows": z.number(),
  "Rows Removed by Filter": z.number().default(0),
});

describe("the walk of what is due to be purged", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async () => {
    subject = await createPostgresSubject();
    const { commands } = subject.pools;
    // Of 6000 files a third are live, a third was deleted and is due, and a third is not due, or kept, or purged already.
    await commands.query(sql.unsafe`
        ${enteredByTest} INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, bucket, region, s3_key,
          s3_version_id, etag, principal, delete_time, purge_time, legal_hold, retain_until_time, purge_state)
        SELECT gen_random_uuid(), 'default', 'walk/' || n, 1, 1, 1, '', '{}', 'bucket', 'eu-central-1', 'walk/' || n, '', '', '',
          CASE WHEN n % 3 > 0 THEN now() - interval '40 days' END,
          CASE WHEN n % 3 > 0 THEN now() - interval '10 days' + CASE WHEN n % 12 = 2 THEN interval '20 days' ELSE interval '0' END
            + n * interval '1 second' END,
          n % 12 = 5, CASE WHEN n % 12 = 8 THEN now() + interval '1 year' END, CASE WHEN n % 12 = 11 THEN 'purged' END
        FROM generate_series(1, 6000) n`);
    await commands.query(sql.unsafe`ANALYZE file`);
  });
  after(() => subject.close());

  it("reads from the index what it gives, and nothing in vain", async () => {
    const { files, next } = await subject.files.beginDuePurges("default", { after: "", limit: 100 });
    expect(files.every(({ generation, purgeState }) => generation === 1 && purgeState === "purging")).to.equal(true);
    for (const after of ["", next]) {
      const [plan] = await subject.pools.commands.anyFirst(sql.unsafe`
        EXPLAIN (ANALYZE, FORMAT JSON) ${selectDue("default", { after, limit: 100 })}`);
      const found: unknown[] = [];
      JSON.stringify(plan, (_, value) => {
        if (value?.["Index Name"] !== undefined) found.push(value);
        return value;
      });
      expect(found, JSON.stringify(plan)).to.have.lengthOf(1);
      const { "Index Name": index, "Actual Rows": rows } = scan.parse(found[0]);
      expect(index).to.match(/^file_purgeable(_p\d)?$/);
      expect(rows).to.equal(100);
      expect(scan.parse(found[0])["Rows Removed by Filter"]).to.equal(0);
    }
  });

  it("comes to its end", async () => {
    let count = 0;
    let after = "";
    do {
      const { files, next } = await subject.files.beginDuePurges("default", { after, limit: 1000 });
      count += files.length;
      after = next;
    } while (after !== "");
    expect(count).to.equal(2000);
  });
});

describe("the tombstones of deleted files", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async () => {
    subject = await createPostgresSubject();
    const { commands } = subject.pools;
    // All older and smaller than the live file, and before it by path; more than a page looks at.
    await commands.query(sql.unsafe`
      ${enteredByTest} INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, labels, bucket, region,
        s3_key, s3_version_id, etag, principal, create_time, update_time, delete_time, purge_time, purge_state)
      SELECT gen_random_uuid(), 'default', 'tomb/invoice-' || n, 1, 1, 1, '', '{}', '{"team": "a"}', 'bucket', 'eu-central-1',
        'tomb/' || n, '', '', '', now() - interval '1 day', now() - interval '1 day', now(), now(), 'purging'
      FROM generate_series(1, ${WALK_FILES_MAX + 500}) n`);
    const ids = await commands.anyFirst(sql.type(z.object({ id: z.string() }))`SELECT file_id AS id FROM file`);
    for (let first = 0; first < ids.length; first += 1_000) {
      const ended = await subject.files.endPurges("default", ids.slice(first, first + 1_000));
      expect(ended.every(({ purgeState }) => purgeState === "purged")).to.equal(true);
    }
    await commitFile(subject, "z/live", { labels: { team: "a" } });
  });
  after(() => subject.close());

  for (const orderBy of ["", "create_time", "update_time", "size_bytes"]) {
    it(`are not stepped over by a list ordered by ${orderBy === "" ? "path" : orderBy}`, async () => {
      for (const filter of ["", 'content_type = "application/octet-stream"', "labels.team = a"]) {
        const page = await subject.files.list("default", {
          prefix: "",
          filter: parseFileFilter(filter),
          order: parseFileOrder(orderBy),
          limit: 10,
          showDeleted: true,
        });
        expect([page.files.map(({ path }) => path), page.next], filter).to.deep.equal([["z/live"], undefined]);
      }
    });
  }

  it("say when they were deleted and purged, and not that something took their path", async () => {
    const tombstone = await subject.files.get("default", "tomb/invoice-7", { generation: 1 });
    expect(tombstone).to.include({ purgeState: "purged", supersedeTime: undefined });
    expect([tombstone.deleteTime, tombstone.purgeTime].map((time) => time instanceof Date)).to.deep.equal([true, true]);
    const { files } = await subject.files.listGenerations("default", "tomb/invoice-7", { limit: 2 });
    expect(files).to.deep.equal([tombstone]);
  });
});
