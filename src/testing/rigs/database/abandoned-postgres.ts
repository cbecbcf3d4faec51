import { startEmbeddedPostgres } from "../../../devstack/embedded-postgres.ts";

/** A process that starts PostgreSQL in the folder it is given, says so in one line, and waits to be killed. */
const [dataDirectory = ""] = process.argv.slice(2);
const postgres = await startEmbeddedPostgres({ dataDirectory, password: "secret", durable: false });
process.stdout.write(`${JSON.stringify({ pid: postgres.pid })}\n`);
