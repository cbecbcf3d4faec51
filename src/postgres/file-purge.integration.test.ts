import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import { createPostgresSubject } from "../testing/postgres-subject.ts";
import { selectDue } from "./file-purge.ts";

/** What is read of a plan: how many rows the scan gave, and how many it looked at in vain. */
const scan = z.object({
  "Index Name": z.string(),
  "Actual Rows": z.number(),
  "Rows Removed by Filter": z.number().default(0),
});

describe("the walk of what is due to be purged", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async function () {
    this.timeout(60_000);
    subject = await createPostgresSubject();
    const { commands } = subject.pools;
    // Of 30,000 files a third are live, a third was deleted and is due, and a third is not due, or kept, or purged already.
    await commands.query(sql.unsafe`
      INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, bucket, region, s3_key,
        s3_version_id, etag, principal, delete_time, purge_time, legal_hold, retain_until_time, purge_state)
      SELECT gen_random_uuid(), 'default', 'walk/' || n, 1, 1, 1, '', '{}', 'bucket', 'eu-central-1', 'walk/' || n, '', '', '',
        CASE WHEN n % 3 > 0 THEN now() - interval '40 days' END,
        CASE WHEN n % 3 > 0 THEN now() - interval '10 days' + CASE WHEN n % 12 = 2 THEN interval '20 days' ELSE interval '0' END
          + n * interval '1 second' END,
        n % 12 = 5, CASE WHEN n % 12 = 8 THEN now() + interval '1 year' END, CASE WHEN n % 12 = 11 THEN 'purged' END
      FROM generate_series(1, 30000) n`);
    await commands.query(sql.unsafe`ANALYZE file`);
  });
  after(() => subject.close());

  it("reads from the index what it gives, and nothing in vain", async () => {
    const { files, next } = await subject.files.beginDuePurges({ after: "", limit: 100 });
    expect(files.every(({ generation, purgeState }) => generation === 1 && purgeState === "purging")).to.equal(true);
    for (const after of ["", next]) {
      const [plan] = await subject.pools.commands.anyFirst(sql.unsafe`
        EXPLAIN (ANALYZE, FORMAT JSON) ${selectDue({ after, limit: 100 })}`);
      const found: unknown[] = [];
      JSON.stringify(plan, (_, value) => {
        if (value?.["Index Name"] !== undefined) found.push(value);
        return value;
      });
      expect(found, JSON.stringify(plan)).to.have.lengthOf(1);
      expect(scan.parse(found[0])).to.include({ "Index Name": "file_purgeable", "Actual Rows": 100 });
      expect(scan.parse(found[0])["Rows Removed by Filter"]).to.equal(0);
    }
  });

  it("comes to its end", async () => {
    let count = 0;
    let after = "";
    do {
      const { files, next } = await subject.files.beginDuePurges({ after, limit: 1000 });
      count += files.length;
      after = next;
    } while (after !== "");
    expect(count).to.equal(10_000);
  });
});
