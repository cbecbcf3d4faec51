import { Client } from "pg";
import { fileColumnValues, fileRows } from "./file-rows.ts";

/** The rows and indexes that the tables of files are given. */
export interface Filling {
  readonly rows: number;
  /** False leaves out the indexes of words and of parts of paths, which take more time than all else. */
  readonly withWords?: boolean;
}

/** Rows of one INSERT: it takes seconds, so that the progress can be reported. */
const BATCH_ROWS = 250_000;
const SESSIONS = 2;

/**
 * Fills the tables of files, which must be empty. Indexes are dropped and built again with the definitions
 * from the migrations, because that is much faster than to maintain them. One statement makes the rows of labels instead of a
 * trigger for each row. Afterwards the tables are vacuumed and analyzed, as autovacuum would leave them.
 */
export async function fillFiles(
  url: string,
  { rows, withWords = true }: Filling,
  report: (what: string) => void,
): Promise<void> {
  const client = await connect(url);
  try {
    const indexes = (await takeIndexesAway(client)).filter(({ make }) => withWords || !make.includes("USING gin"));
    await client.query(
      `INSERT INTO namespace (name, bucket, region, key_prefix, allowed_regions, file_size_max_bytes, retention_ms,
        retain_default_ms, download_url_lifetime_max_ms, part_url_lifetime_max_ms, link_lifetime_max_ms, audit, version)
      VALUES ('default', 'bench', 'us-east-1', '', '{us-east-1}', 5368709120000, 2592000000, 0, 900000, 3600000, 604800000, 'best-effort', 1)`,
    );
    await client.query("ALTER TABLE file DISABLE TRIGGER USER, SET (autovacuum_enabled = off)");
    await insertFiles(url, rows, report);
    await client.query("ALTER TABLE file ENABLE TRIGGER USER, RESET (autovacuum_enabled)");
    await client.query(
      `INSERT INTO file_label (namespace, name, value, path, generation, file_id, size_bytes, create_time, is_deleted)
      SELECT f.namespace, e.key, e.value, f.path, f.generation, f.file_id, f.size_bytes, f.create_time, f.delete_time IS NOT NULL
      FROM file f, jsonb_each_text(f.labels) e WHERE f.supersede_time IS NULL`,
    );
    report("labels are filled");
    // Half of the sessions go to the insertion: there are two processors for both.
    await inParallel(
      url,
      indexes.map(({ make }) => make),
      report,
    );
    for (const { bind } of indexes) if (bind !== null) await client.query(bind);
    for (const table of ["file", "file_label"]) await client.query(`VACUUM (ANALYZE, PARALLEL 0) ${table}`);
    report("vacuumed and analyzed");
  } finally {
    await client.end();
  }
}

/** An index, by the statements that make it again and make it a constraint's, where it was one's. */
interface TakenIndex {
  readonly make: string;
  /** Waits for all indexes that are being made of the table. */
  readonly bind: string | null;
}

/** Drops the indexes and unique constraints of both tables. */
async function takeIndexesAway(client: Client): Promise<TakenIndex[]> {
  const { rows } = await client.query<TakenIndex & { take: string }>(`
    SELECT pg_get_indexdef(i.indexrelid) AS make,
      CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
        ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END AS take,
      CASE WHEN c.oid IS NOT NULL THEN format('ALTER TABLE %1$s ADD CONSTRAINT %2$I %3$s USING INDEX %2$I', i.indrelid::regclass, c.conname,
        CASE c.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END) END AS bind
    FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype IN ('p', 'u')
    WHERE i.indrelid IN ('file'::regclass, 'file_label'::regclass)
      AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)`);
  for (const { take } of rows) await client.query(take);
  return rows;
}

async function insertFiles(url: string, rows: number, report: (what: string) => void): Promise<void> {
  const names = Object.keys(fileColumnValues).join(", ");
  const insert = `INSERT INTO file (${names}) ${fileRows.select(Object.values(fileColumnValues).join(", "))}`;
  let next = 0;
  const work = async () => {
    const client = await connect(url);
    try {
      while (next < rows) {
        const begin = next;
        const end = Math.min(rows, begin + BATCH_ROWS);
        next = end;
        await client.query(insert, [begin, end]);
        report(`${end} of ${rows} rows`);
      }
    } finally {
      await client.end();
    }
  };
  await Promise.all(Array.from({ length: SESSIONS }, work));
}

async function inParallel(url: string, statements: readonly string[], report: (what: string) => void): Promise<void> {
  // The slowest indexes come first: those of words and trigrams.
  const waiting = [...statements].sort((a, b) => Number(b.includes("USING gin")) - Number(a.includes("USING gin")));
  const work = async () => {
    const client = await connect(url);
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await client.query(next);
        report(next);
      }
    } finally {
      await client.end();
    }
  };
  await Promise.all(Array.from({ length: SESSIONS }, work));
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(
    "SET maintenance_work_mem = '2GB'; SET max_parallel_maintenance_workers = 1; SET synchronous_commit = off",
  );
  return client;
}
