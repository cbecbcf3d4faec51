import { expect } from "chai";
import { sql } from "slonik";
import { enteredByTest } from "../../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { partBetween, readStatistics, StatisticsCache } from "./table-statistics.ts";

const FILES = 3000;

describe("readStatistics", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  before(async () => {
    subject = await createPostgresSubject();
  });
  after(() => subject.close());

  it("knows nothing of tables that were never analyzed", async () => {
    const statistics = await readStatistics(subject.pools.queries);
    expect(statistics).to.include({ files: 0, labels: 0 });
    expect(statistics.wordPart({ text: "report", isPrefix: false })).to.equal(0);
    expect(statistics.labelPart("a")).to.equal(0);
    expect(statistics.rank("size_bytes", 5)).to.equal(undefined);
    expect(partBetween(statistics, "size_bytes", { from: 5 })).to.be.closeTo(1 / 3, 0.01);
  });

  it("tells how frequent words and labels are, and where sizes and times stand", async () => {
    await subject.pools.commands.query(sql.unsafe`
      ${enteredByTest} INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, labels, bucket,
        region, s3_key, s3_version_id, etag, principal, create_time)
      SELECT gen_random_uuid(), CASE i % 4 WHEN 0 THEN 'other' ELSE 'default' END, 'f/' || i, 1, i, 1, 'text/plain',
        jsonb_build_object('note', CASE i % 10 WHEN 0 THEN 'reports' WHEN 1 THEN 'report' ELSE 'none' END),
        jsonb_build_object('team', 't' || (i % 5)), 'b', 'r', 'k' || i, '', 'e', 'p',
        timestamptz '2026-01-01Z' + i * interval '1 hour'
      FROM generate_series(1, 3000) i`);
    for (const table of ["file", "file_label"])
      await subject.pools.commands.query(sql.unsafe`VACUUM ANALYZE ${sql.identifier([table])}`);
    const statistics = await readStatistics(subject.pools.queries);
    expect(statistics).to.include({ files: FILES, labels: FILES });
    expect(statistics.namespacePart("default")).to.be.closeTo(0.75, 0.01);
    expect(statistics.wordPart({ text: "report", isPrefix: false })).to.be.closeTo(0.1, 0.01);
    expect(statistics.wordPart({ text: "report", isPrefix: true })).to.be.closeTo(0.2, 0.01);
    expect(statistics.wordPart({ text: "seldom", isPrefix: false })).to.be.below(0.06);
    expect(statistics.labelPart("t3")).to.be.closeTo(0.2, 0.01);
    expect(statistics.labelPart("none")).to.be.closeTo(0.1, 0.01);
    for (const [value, rank] of [
      [1, 0],
      [FILES / 4, 0.25],
      [FILES, 1],
      [FILES * 2, 2],
      [-FILES, -1],
    ] as const)
      expect(statistics.rank("size_bytes", value)).to.be.closeTo(rank, 0.05);
    expect(statistics.rank("create_time", (Date.UTC(2026, 0, 1) + (FILES / 2) * 3_600_000) * 1000)).to.be.closeTo(
      0.5,
      0.01,
    );
    expect(partBetween(statistics, "size_bytes", { from: FILES / 2, to: FILES * 9 })).to.be.closeTo(0.5, 0.01);
    expect(partBetween(statistics, "size_bytes", { to: FILES / 10 })).to.be.closeTo(0.1, 0.01);
    expect(partBetween(statistics, "size_bytes", { from: 2, to: 1 })).to.equal(0);
  });

  it("is read once, again after five minutes, and serves what it has while the database is away", async () => {
    let nowMs = 0;
    const cache = new StatisticsCache(() => nowMs);
    const pool = subject.pools.queries;
    const first = await cache.get(pool);
    expect(await cache.get(pool)).to.equal(first);
    nowMs = 301_000;
    expect(await cache.get(pool), "the old ones serve while new ones are read").to.equal(first);
    const second = await cache.get(pool);
    expect(second).to.not.equal(first);
    expect(second).to.include({ files: FILES });
    let isAway = true;
    const flaky = {
      one: async (query: never) => {
        if (isAway) throw new Error("away");
        return await pool.one(query);
      },
    } as never;
    expect(await catchError(() => cache.get(flaky))).to.have.property("message", "away");
    isAway = false;
    const found = await cache.get(flaky);
    isAway = true;
    nowMs = 602_000;
    expect(await cache.get(flaky)).to.equal(found);
    expect(await cache.get(flaky), "a failure keeps the old ones").to.equal(found);
  });
});
