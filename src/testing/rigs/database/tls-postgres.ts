import { chown, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startEmbeddedPostgres } from "../../../devstack/embedded-postgres.ts";
import { migrate } from "../../../postgres/schema/migrate.ts";
import type { TlsCertificate } from "../tls-certificate.ts";
import { until } from "../until.ts";
import type { TestServer } from "./postgres.ts";

/** Starts a PostgreSQL on 127.0.0.1 that has TLS by this certificate and refuses every login without it, with the schema. */
export async function startTlsPostgres({ cert, key }: TlsCertificate): Promise<Pick<TestServer, "url" | "stop">> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-test-tls-postgres-"));
  const data = join(directory, "data");
  const postgres = await startEmbeddedPostgres({ dataDirectory: data, password: "test", durable: false });
  await migrate({ url: postgres.url });
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const { uid, gid } = await stat(data);
    // PostgreSQL takes no key that another user can read. These are the names that it looks for in its data directory.
    for (const [name, pem] of [
      ["server.crt", cert],
      ["server.key", key],
      ["pg_hba.conf", "hostssl all all 127.0.0.1/32 scram-sha-256\n"],
    ] as const) {
      await writeFile(join(data, name), pem, { mode: 0o600 });
      await chown(join(data, name), uid, gid);
    }
    await client.query("ALTER SYSTEM SET ssl = on");
    await client.query("SELECT pg_reload_conf()");
    await until("TLS is on", async () => (await client.query("SHOW ssl")).rows[0].ssl === "on");
  } finally {
    await client.end();
  }
  return {
    url: postgres.url,
    stop: async () => {
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
