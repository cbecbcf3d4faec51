import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { SearchWord } from "../../domain/files/search-words.ts";
import type { SqlFragment } from "../pool/sql-values.ts";

/** The statistics of PostgreSQL are read again after this time; autovacuum samples about as seldom. */
const STATISTICS_MAX_AGE_MS = 5 * 60 * 1000;
/** Part of the rows that a value is taken to leave where nothing was sampled. */
const UNKNOWN_PART = 1 / 3;

/**
 * The samples that ANALYZE took of the table of files, as far as the choice between two indexes needs them. They are
 * estimates, which may be old or missing: they decide how a page is found, never what is on it.
 */
export interface TableStatistics {
  /** Files that are not superseded. */
  files: number;
  /** Rows of labels. */
  labels: number;
  /** Part of the files that are in a namespace. */
  namespacePart(namespace: string): number;
  /** Part of the files that hold a word; a guess for a word that is seldom seen, and 0 where nothing was sampled. */
  wordPart(word: SearchWord): number;
  /** Part of the rows of labels that have a value. */
  labelPart(value: string): number;
  /**
   * The rank of a value (a size, or a time in microseconds) among all values: 0 before all, 1 after all. Beyond the ends
   * the rank goes on at the same rate.
   */
  rank(field: "create_time" | "size_bytes", value: number): number | undefined;
}

/** Part of the rows whose value lies between two; where nothing was sampled, a guess. */
export function partBetween(
  statistics: TableStatistics,
  field: "create_time" | "size_bytes",
  { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY }: { from?: number; to?: number },
): number {
  const rank = (value: number) => {
    if (!Number.isFinite(value)) return value < 0 ? 0 : 1;
    const at = statistics.rank(field, value);
    return at === undefined ? undefined : Math.min(1, Math.max(0, at));
  };
  const [start, end] = [rank(from), rank(to)];
  return start === undefined || end === undefined ? UNKNOWN_PART : Math.max(0, end - start);
}

/** Reads the statistics of a database when they are first asked for, and again now and then, while the old ones serve. */
export class StatisticsCache {
  readonly #now: () => number;
  readonly #kept = new WeakMap<CommonQueryMethods, { readMs: number; statistics: Promise<TableStatistics> }>();

  /** `now` in milliseconds, of any clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The statistics of a pool's database; rejects as its statements do. */
  async get(pool: CommonQueryMethods): Promise<TableStatistics> {
    const kept = this.#kept.get(pool);
    if (kept !== undefined && this.#now() - kept.readMs < STATISTICS_MAX_AGE_MS) return await kept.statistics;
    const statistics = readStatistics(pool);
    // A reading that fails is forgotten, so that the next search tries again.
    const settled = statistics.catch(async (error) => {
      if (kept !== undefined) return await kept.statistics;
      this.#kept.delete(pool);
      throw error;
    });
    this.#kept.set(pool, { readMs: this.#now(), statistics: settled });
    return await (kept?.statistics ?? settled);
  }
}

const sampled = z.object({
  values: z.array(z.string()).nullable(),
  parts: z.array(z.number()).nullable(),
  bounds: z.array(z.number()).nullable(),
});
const statisticsRow = z.object({
  files: z.number(),
  labels: z.number(),
  columns: z.record(z.string(), sampled),
});

/** The rows of a table or an index; where that is divided into partitions, these alone have counts. */
function sumRows(relation: string): SqlFragment {
  return sql.fragment`(
    SELECT coalesce(sum(greatest(0, c.reltuples)), 0)::float8 FROM pg_class c WHERE c.relkind IN ('r', 'i')
      AND (c.oid = ${relation}::regclass OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = ${relation}::regclass)))`;
}

/** Reads them; a table that was never analyzed has none. */
export async function readStatistics(pool: CommonQueryMethods): Promise<TableStatistics> {
  const { files, labels, columns } = await pool.one(sql.type(statisticsRow)`
    SELECT ${sumRows("file_by_create_time")} AS files, ${sumRows("file_label")} AS labels,
      coalesce((
        SELECT jsonb_object_agg(s.attname, jsonb_build_object(
          'values', coalesce(s.most_common_elems::text::text[], s.most_common_vals::text::text[]),
          'parts', coalesce(s.most_common_elem_freqs, s.most_common_freqs),
          'bounds', CASE s.attname
            WHEN 'create_time' THEN (SELECT jsonb_agg(extract(epoch FROM b) * 1000000 ORDER BY b)
              FROM unnest(s.histogram_bounds::text::timestamptz[]) b WHERE isfinite(b))
            WHEN 'size_bytes' THEN to_jsonb(s.histogram_bounds::text::bigint[])
          END))
        FROM pg_stats s
        WHERE s.schemaname = (SELECT c.relnamespace::regnamespace::text FROM pg_class c WHERE c.oid = 'file'::regclass)
          AND (s.tablename, s.attname) IN (('file', 'namespace'), ('file', 'search_words'), ('file', 'create_time'),
            ('file', 'size_bytes'), ('file_label', 'value'))
      ), '{}') AS columns`);
  const [namespaces, words, values] = ["namespace", "search_words", "value"].map((name) => toParts(columns[name]));
  const bounds = { create_time: columns.create_time?.bounds ?? [], size_bytes: columns.size_bytes?.bounds ?? [] };
  const rare = { namespace: seldom(namespaces!), word: seldom(words!), value: seldom(values!) };
  return {
    files,
    labels,
    namespacePart: (namespace) => namespaces!.get(namespace) ?? rare.namespace,
    wordPart: ({ text, isPrefix }) => (isPrefix ? sumOf(words!, text, rare.word) : (words!.get(text) ?? rare.word)),
    labelPart: (value) => values!.get(value) ?? rare.value,
    rank: (field, value) => rankIn(bounds[field], value),
  };
}

function toParts(column: z.infer<typeof sampled> | undefined): Map<string, number> {
  const parts = column?.parts ?? [];
  return new Map(column?.values?.map((value, index) => [value, parts[index] ?? 0]));
}

/**
 * A value that was not seen often enough to be listed counts as half as frequent as the rarest listed one, as in the
 * planner.
 */
function seldom(parts: ReadonlyMap<string, number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const part of parts.values()) least = Math.min(least, part);
  return Number.isFinite(least) ? least / 2 : 0;
}

function sumOf(parts: ReadonlyMap<string, number>, prefix: string, rare: number): number {
  let sum = rare;
  for (const [value, part] of parts) if (value.startsWith(prefix)) sum += part;
  return Math.min(1, sum);
}

/** Bounds have as many rows between each two; undefined where there are not even two. */
function rankIn(bounds: readonly number[], value: number): number | undefined {
  const bins = bounds.length - 1;
  if (bins < 1) return undefined;
  // The bin that the last bound not above the value begins; halved until it is found: a page of words asks for a hundred ranks.
  let [bin, end] = [0, bins];
  while (end - bin > 1) {
    const middle = (bin + end) >> 1;
    if (bounds[middle]! > value) end = middle;
    else bin = middle;
  }
  const [from, to] = [bounds[bin]!, bounds[bin + 1]!];
  const within = to > from ? (value - from) / (to - from) : Number(value >= to);
  return (bin + within) / bins;
}
