import type { Client } from "pg";

/** The work of a database since its server began. */
export interface DatabaseUsage {
  readonly transactions: number;
  readonly walBytes: number;
  /** Its size now. */
  readonly sizeBytes: number;
}

/** Reads the usage of the database that the connection leads to; the server's log is that of all its databases. */
export async function readDatabaseUsage(client: Client): Promise<DatabaseUsage> {
  const { rows } = await client.query<Record<"transactions" | "wal_bytes" | "size_bytes", string>>(`
    SELECT xact_commit AS transactions, pg_current_wal_insert_lsn() - '0/0' AS wal_bytes, pg_database_size(datname) AS size_bytes
    FROM pg_stat_database WHERE datname = current_database()`);
  const { transactions, wal_bytes, size_bytes } = rows[0] ?? {};
  return { transactions: Number(transactions), walBytes: Number(wal_bytes), sizeBytes: Number(size_bytes) };
}
