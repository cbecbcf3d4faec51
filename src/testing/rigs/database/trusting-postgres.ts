import { chown, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../../devstack/embedded-postgres.ts";

/** Starts a PostgreSQL that asks nobody on this machine for a password, and has RDS's role: the gate in front of it asks instead. */
export async function startTrustingPostgres(dataDirectory: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDirectory, password: "test", durable: false });
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    const { uid, gid } = await stat(dataDirectory);
    const file = join(dataDirectory, "pg_hba.conf");
    await writeFile(file, "host all all 127.0.0.1/32 trust\n", { mode: 0o600 });
    await chown(file, uid, gid);
    await client.query("CREATE ROLE rds_iam");
    await client.query("SELECT pg_reload_conf()");
  } finally {
    await client.end();
  }
  return server;
}
