import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import type { File } from "../../domain/files/file.ts";
import { type FileOrder, ORDER_FIELDS } from "../../domain/files/file-order.ts";
import type { FilePage, FileQuery } from "../../domain/files/file-repository.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import { matchFilter } from "../../testing/fakes/match-filter.ts";
import { enteredByTest } from "../../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { StatementShapes } from "../pool/statement-shapes.ts";
import { listFiles } from "./list-files.ts";
import { readStatistics, type TableStatistics } from "./table-statistics.ts";

const FILES = 6_500;
const DELETED_EVERY = 50;

const KINDS = ["true", "of a table twenty times as large", "missing", "wrong: all is rare", "wrong: all is common"];

describe("listFiles, whichever way statistics choose", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  /** With what deleted files there are, in the order of paths. */
  let all: File[];
  /** Those of one run, so that what comes often is prepared. */
  const shapes = new StatementShapes();
  let statistics: Record<string, TableStatistics>;

  before(async () => {
    subject = await createPostgresSubject();
    await subject.pools.commands.query(sql.unsafe`
      ${enteredByTest} INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, labels, bucket,
        region, s3_key, s3_version_id, etag, principal, create_time, update_time, delete_time, purge_time)
      SELECT md5(i::text)::uuid, 'default', 'f' || (i % 97) || '/w' || (i % 3) || '-x' || (i % 11) || '-' || i, 1, i * 7919 % 1000,
        1, CASE i % 5 WHEN 0 THEN 'image/png' ELSE 'text/plain' END, jsonb_build_object('note', 'y' || (i % 7)),
        jsonb_build_object('team', 't' || (i % 3), 'stage', 's' || (i % 400)), 'b', 'r', 'k' || i, '', 'e', 'p',
        t.create_time, t.create_time + (i * 31 % 97) * interval '1 hour',
        CASE WHEN i % ${sql.literalValue(String(DELETED_EVERY))}::integer = 0 THEN now() END,
        CASE WHEN i % ${sql.literalValue(String(DELETED_EVERY))}::integer = 0 THEN now() + interval '1 hour' END
      FROM generate_series(1, ${sql.literalValue(String(FILES))}::integer) i,
        LATERAL (SELECT timestamptz '2026-01-01Z' + (i * 7907 % 6500) / 3 * interval '1 hour' AS create_time) t`);
    for (const table of ["file", "file_label"])
      await subject.pools.commands.query(sql.unsafe`VACUUM ANALYZE ${sql.identifier([table])}`);
    const real = await readStatistics(subject.pools.queries);
    const none = {
      files: 0,
      labels: 0,
      namespacePart: () => 0,
      wordPart: () => 0,
      labelPart: () => 0,
      rank: () => undefined,
    };
    const some = [
      real,
      { ...real, files: real.files * 20, labels: real.labels * 20 },
      none,
      { ...real, wordPart: () => 0, labelPart: () => 0 },
      { ...real, files: 1e9, labels: 1e9, wordPart: () => 1, labelPart: () => 1 },
    ];
    statistics = Object.fromEntries(KINDS.map((kind, index) => [kind, some[index] as TableStatistics]));
    all = await find("true", { showDeleted: true, limit: 1000 });
    expect(all).to.have.length(FILES);
  });
  after(() => subject.close());

  /** All pages, each of so many files. */
  async function find(kind: string, query: Omit<FileQuery, "prefix">): Promise<File[]> {
    const found: File[] = [];
    let after: FilePage["next"];
    const deps = { pool: subject.pools.queries, statistics: { get: async () => statistics[kind]! }, shapes };
    do {
      const page: FilePage = await listFiles(deps, "default", { prefix: "", ...query, after });
      expect(page.files.length).to.be.at.most(query.limit);
      found.push(...page.files);
      after = page.next;
    } while (after !== undefined);
    return found;
  }

  function expected(text: string, { order, showDeleted }: { order: FileOrder; showDeleted: boolean }): string[] {
    const filter = parseFileFilter(text);
    const matching = all.filter(
      (file) => (showDeleted || file.deleteTime === undefined) && (!filter || matchFilter(file, filter)),
    );
    const keyOf = ({ sizeBytes, createTime, updateTime }: File) =>
      ({ path: 0, size_bytes: sizeBytes, create_time: +createTime, update_time: +updateTime })[order.field];
    const tieOf = (file: File) => (order.field === "path" ? file.path : file.fileId);
    const compare = (a: File, b: File) => keyOf(a) - keyOf(b) || (tieOf(a) < tieOf(b) ? -1 : 1);
    return matching.toSorted((a, b) => (order.isDescending ? compare(b, a) : compare(a, b))).map(({ path }) => path);
  }

  const terms = [
    ...["labels.team = t1", "labels.stage = s7", "labels.team = t0 labels.stage = s9", "NOT labels.stage = s1"],
    ...["size_bytes > 990", "size_bytes < 500", "size_bytes >= 3 size_bytes <= 6", "size_bytes = 77"],
    ...["create_time > 2026-03-20", "create_time <= 2026-01-02T03:00:00Z", "update_time > 2026-03-30"],
    ...["w1", "w1 x3", "w2 x5 y4", "f13", "w* x1", "y2 OR x4", 'metadata.note = "y5"', "nothing", "w0 nothing"],
    ...['path:"-x7-12"', 'path = "f1*"', "content_type = image/png"],
  ];

  for (const [kindIndex, kind] of KINDS.entries()) {
    it(`finds exactly what matches, in order and once, when they are ${kind}`, async () => {
      // Every term, and then two together, every term with some of the others: both are walked through in strides without a common
      // divisor. The ways share the pairs among them.
      for (let i = 0; i < 3 * terms.length; i++) {
        if (i >= terms.length && i % KINDS.length !== kindIndex) continue;
        const text =
          i < terms.length ? (terms[i] ?? "") : `(${terms[i % terms.length]}) (${terms[(i * 7 + 3) % terms.length]})`;
        const order = { field: ORDER_FIELDS[(i * 3 + kindIndex) % 4] ?? "path", isDescending: i % 2 === 0 };
        const isByWords = /\b[wxyf]\d/.test(text) && i % 3 !== 0;
        const options = {
          order: isByWords ? { ...order, field: "create_time" as const } : order,
          showDeleted: i % 4 === 1,
        };
        const limit = i % 5 === 0 ? 150 : 1000;
        const found = await find(kind, { ...options, filter: parseFileFilter(text), limit });
        const paths = found.map(({ path }) => path);
        expect(paths, `${text} by ${JSON.stringify(options)}`).to.deep.equal(expected(text, options));
      }
    });
  }

  it("goes from span to span by the index of words, and stops when the page is full", async () => {
    const plans: string[] = [];
    const pool = subject.pools.queries;
    const explaining = {
      ...pool,
      one: pool.one,
      any: async (query: { sql: string }) => {
        const parser = z.object({ "QUERY PLAN": z.string() });
        const rows = await pool.any({
          ...query,
          sql: `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${query.sql}`,
          parser,
        } as never);
        plans.push(rows.map((row) => (row as { "QUERY PLAN": string })["QUERY PLAN"]).join("\n"));
        return await pool.any(query as never);
      },
    };
    const deps = {
      pool: explaining as never,
      statistics: { get: async () => statistics[KINDS[1]!]! },
      shapes: new StatementShapes(),
    };
    const order = { field: "create_time" as const, isDescending: true };
    const query = { prefix: "", filter: parseFileFilter("x3 w1"), order, showDeleted: false, limit: 3 };
    const page = await listFiles(deps, "default", query);
    const wanted = expected("x3 w1", { order, showDeleted: false });
    expect(page.files.map(({ path }) => path)).to.deep.equal(wanted.slice(0, page.files.length));
    const [plan = ""] = plans;
    expect(plans).to.have.length(1);
    expect(plan)
      .to.match(/Bitmap Index Scan on file_search_spans/)
      .and.not.contain("Seq Scan");
    const loops = Number(/Bitmap Index Scan on file_search_spans\S* .*loops=(\d+)/.exec(plan)?.[1]);
    const spans = Number(/Function Scan on unnest span .*rows=(\d+)/.exec(plan)?.[1]);
    expect(loops).to.equal(spans).and.to.be.below(30);
  });
});
