import { expect } from "chai";
import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { parseFileOrder } from "../../domain/files/file-order.ts";
import type { FilePage } from "../../domain/files/file-repository.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import { enteredByTest } from "../../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import type { RepositorySubject } from "../../testing/rigs/database/repository-subject.ts";
import type { DatabasePools } from "../pool/pool.ts";
import { StatementShapes } from "../pool/statement-shapes.ts";
import { listFiles, WALK_FILES_MAX, WALK_TERMS } from "./list-files.ts";
import { listFolder } from "./list-folder.ts";
import { StatisticsCache } from "./table-statistics.ts";

const FILES = 12_000;

interface Question {
  filter?: string;
  orderBy?: string;
  prefix?: string;
  showDeleted?: boolean;
  limit?: number;
}

describe("listFiles", () => {
  // Rows with words, trigrams and labels take a while to make.
  let subject: RepositorySubject & { pools: DatabasePools };

  before(async () => {
    subject = await createPostgresSubject();
    await subject.pools.commands.query(sql.unsafe`
      ${enteredByTest} INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, labels, bucket,
        region, s3_key, s3_version_id, etag, principal, create_time, update_time, delete_time, purge_time, data_subject)
      SELECT gen_random_uuid(), 'default', 'f' || (i % 97) || '/invoice-' || lpad(i::text, 6, '0'), 1, i, 1, 'text/plain',
        jsonb_build_object('note', CASE i % 4000 WHEN 9 THEN 'rareword' ELSE 'common' END),
        jsonb_build_object('team', 't' || (i % 100), 'env', CASE WHEN i % 4000 = 9 THEN 'prod' ELSE 'dev' END),
        'b', 'r', 'k' || i, '', 'e', 'p', now() + i * interval '1 second', now() + i * interval '1 second',
        CASE WHEN i > ${FILES} THEN now() END, CASE WHEN i > ${FILES} THEN now() + interval '1 hour' END,
        CASE i WHEN 77 THEN 's-77' ELSE '' END
      FROM generate_series(1, ${FILES} + 100) i`);
    await subject.pools.commands.query(sql.unsafe`VACUUM ANALYZE file`);
    await subject.pools.commands.query(sql.unsafe`VACUUM ANALYZE file_label`);
  });
  after(() => subject.close());

  /** The first page, and the plans of the statements that found it. */
  async function ask(question: Question): Promise<FilePage & { plans: string[] }> {
    const plans: string[] = [];
    const pool = explaining(subject.pools.queries, plans);
    return {
      ...(await listFiles(
        { pool, statistics: new StatisticsCache(), shapes: new StatementShapes() },
        "default",
        toQuery(question),
      )),
      plans,
    };
  }

  function toQuery({ filter = "", orderBy = "", ...rest }: Question) {
    const order = parseFileOrder(orderBy);
    return { prefix: "", showDeleted: false, limit: 100, ...rest, filter: parseFileFilter(filter), order };
  }

  async function countPages(question: Question): Promise<{ pages: number; files: number }> {
    let [pages, files] = [0, 0];
    let after: FilePage["next"];
    const pool = subject.pools.queries;
    const access = { pool, statistics: new StatisticsCache(), shapes: new StatementShapes() };
    do {
      const page = await listFiles(access, "default", { ...toQuery(question), after });
      pages += 1;
      files += page.files.length;
      after = page.next;
    } while (after !== undefined);
    return { pages, files };
  }

  for (const [what, question, index] of [
    ["a list", {}, "file_live_path"],
    ["a list backwards", { orderBy: "path desc" }, "Scan Backward using file_live_path"],
    ["a prefix", { prefix: "f5/" }, "file_live_path"],
    ["a list with deleted files", { showDeleted: true }, "file_deleted_path"],
    ["the newest files", { orderBy: "create_time desc" }, "Scan Backward using file_by_create_time"],
    ["the files changed first", { orderBy: "update_time" }, "file_by_update_time"],
    ["the largest files", { orderBy: "size_bytes desc" }, "file_by_size"],
    [
      "a size in the order of sizes",
      { filter: "size_bytes > 6000", orderBy: "size_bytes desc" },
      "Index Cond: ((namespace = 'default'::text) AND (size_bytes > ",
    ],
    [
      "a time in the order of times",
      { filter: "create_time > 2000-01-01", orderBy: "create_time" },
      "Index Cond: ((namespace = 'default'::text) AND (create_time >= ",
    ],
    ["a rare size", { filter: "size_bytes < 9" }, "file_by_size"],
    ["a rare time", { filter: "create_time < 2000-01-01" }, "file_by_create_time"],
    ["a label", { filter: "labels.env = dev" }, "file_label_pkey"],
    ["a label and a size", { filter: "labels.env = dev AND size_bytes > 5000" }, "file_label_pkey"],
    ["the largest files of a label", { filter: "labels.env = dev", orderBy: "size_bytes desc" }, "file_label_by_size"],
    ["the newest of a label", { filter: "labels.env = dev", orderBy: "create_time desc" }, "file_label_by_create_time"],
    [
      "a rare label in the order of changes",
      { filter: "labels.env = prod", orderBy: "update_time" },
      "file_label_pkey",
    ],
    ["a rare size of a label", { filter: "labels.env = dev size_bytes > 11980" }, "file_label_by_size"],
    [
      "a rare time of a label",
      { filter: "labels.env = dev create_time < 2000-01-01 size_bytes > 5" },
      "file_label_by_create_time",
    ],
    ["a rare word", { filter: "rareword" }, "file_search_spans"],
    ["a part of a path", { filter: 'path:"voice-000042"' }, "file_path_trigrams"],
    ["a rare value of metadata", { filter: 'metadata.note = "rareword"' }, "file_search_spans"],
    ["a data subject", { filter: "data_subject = s-77" }, "file_data_subject"],
  ] as [string, Question, string][]) {
    it(`finds ${what} by its index, without looking at the table or putting more than a page in order`, async () => {
      const { files, plans } = await ask(question);
      if (!what.startsWith("a rare time")) expect(files).to.not.be.empty;
      expect(plans.at(-1)).to.contain(index);
      expect(plans.join("\n")).to.not.contain("Seq Scan on file");
      const isGathered = /rare|part|subject/.test(what);
      if (!isGathered) expect(plans.at(-1)).to.not.match(/-> +Sort /);
    });
  }

  it("finds what lies in a folder by one descent of an index each, whatever lies below", async () => {
    const plans: string[] = [];
    const query = { prefix: "", limit: 10, showDeleted: false };
    const page = await listFolder(explaining(subject.pools.queries, plans), "default", query);
    expect(page.entries).to.have.length(10);
    expect(plans[0]).to.contain("file_live_path").and.not.contain("Seq Scan on file");
    const explained = await subject.pools.queries.any(
      sql.type(z.object({ rows: z.int() }))`SELECT count(*) AS rows FROM file WHERE path < 'f18'`,
    );
    expect(explained[0]?.rows, "files below these folders").to.be.above(1000);
    const deleted = await listFolder(explaining(subject.pools.queries, plans), "default", {
      ...query,
      showDeleted: true,
    });
    expect(deleted.entries).to.deep.equal(page.entries);
    expect(plans[1]).to.contain("file_deleted_path").and.not.contain("Seq Scan on file");
  });

  it("looks at a bounded number of files a page, and goes on where it stopped", async () => {
    const page = await ask({ filter: "content_type = none", orderBy: "size_bytes" });
    expect(page.files).to.deep.equal([]);
    expect(page.next).to.have.property("value", WALK_FILES_MAX);
    for (const filter of ["content_type = none", "labels.env = dev content_type = none"]) {
      expect(await countPages({ filter }), filter).to.deep.equal({
        pages: Math.ceil(FILES / WALK_FILES_MAX),
        files: 0,
      });
    }
    const many = Array.from({ length: WALK_TERMS * 4 }, (_, i) => `content_type = none${i}`).join(" OR ");
    expect((await ask({ filter: many, orderBy: "size_bytes" })).next, "more terms, fewer files").to.have.property(
      "value",
      WALK_FILES_MAX / 4,
    );
    const few = { filter: 'metadata.note:"rare"' };
    for (const orderBy of ["", "path desc", "create_time", "size_bytes desc"]) {
      expect(await countPages({ ...few, orderBy })).to.deep.equal({ pages: 3, files: 3 });
    }
  });

  it("gives each file once in pages of any size", async () => {
    const all = { pages: FILES / 1000, files: FILES };
    for (const orderBy of ["", "path desc", "update_time", "size_bytes desc"]) {
      const { files } = await countPages({ orderBy, limit: 1000 });
      expect(files, orderBy).to.equal(all.files);
    }
    expect(await countPages({ filter: "labels.team = t5", limit: 7 })).to.include({ files: FILES / 100 });
    expect(await countPages({ showDeleted: true, limit: 1000 })).to.include({ files: FILES + 100 });
    expect(await countPages({ filter: "rareword", limit: 1 })).to.deep.equal({ pages: 3, files: 3 });
  });
});

/** A pool that also notes how each statement would be run. */
function explaining(pool: CommonQueryMethods, plans: string[]): CommonQueryMethods {
  const note = async (query: { sql: string; values: readonly unknown[] }) => {
    if (query.sql.includes("EXPLAIN")) return;
    const rows = await pool.any({
      ...query,
      sql: `EXPLAIN ${query.sql}`,
      parser: z.object({ "QUERY PLAN": z.string() }),
    } as never);
    plans.push(rows.map((row) => (row as { "QUERY PLAN": string })["QUERY PLAN"]).join("\n"));
  };
  return {
    ...pool,
    any: async (query: never) => {
      await note(query);
      return await pool.any(query);
    },
    one: async (query: never) => {
      await note(query);
      return await pool.one(query);
    },
  } as CommonQueryMethods;
}
