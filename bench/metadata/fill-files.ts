import { Client } from "pg";
import { fileColumnValues, fileRows } from "./file-rows.ts";

/** Rows of one INSERT: it takes seconds, so that the progress can be reported. */
const BATCH_ROWS = 250_000;
const SESSIONS = 2;

/**
 * Fills the tables of files, which must be empty, with `rows` rows. Indexes are dropped and built again with the definitions
 * from the migrations, because that is much faster than to maintain them. One statement makes the rows of labels instead of a
 * trigger for each row. Afterwards the tables are vacuumed and analyzed, as autovacuum would leave them.
 */
export async function fillFiles(url: string, rows: number, report: (what: string) => void): Promise<void> {
  const client = await connect(url);
  try {
    const rebuild = await takeIndexesAway(client);
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
    await inParallel(url, rebuild, report);
    for (const table of ["file", "file_label"]) await client.query(`VACUUM (ANALYZE, PARALLEL 0) ${table}`);
    report("vacuumed and analyzed");
  } finally {
    await client.end();
  }
}

/** Drops the indexes and unique constraints of both tables; resolves to the statements that make them again. */
async function takeIndexesAway(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ take: string; make: string }>(`
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS take,
      format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) AS make
    FROM pg_constraint c WHERE c.conrelid IN ('file'::regclass, 'file_label'::regclass) AND c.contype IN ('p', 'u')
      AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = c.conindid)
    UNION ALL
    SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
    FROM pg_index i WHERE i.indrelid IN ('file'::regclass, 'file_label'::regclass)
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)`);
  for (const { take } of rows) await client.query(take);
  return rows.map(({ make }) => make);
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
