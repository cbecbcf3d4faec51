import { parseDatabase } from "../../config/config.ts";
import { migrate as migrateDatabase } from "../../postgres/schema/migrate.ts";
import { serve as serveUntilStopped } from "../../processes/serve.ts";
import { printLine, type Terminal } from "../terminal/terminal.ts";

/** `sluice serve`: runs the service until SIGTERM or SIGINT. Its log goes to standard output as JSON lines. */
export async function serve(terminal: Terminal): Promise<void> {
  await serveUntilStopped(terminal.env);
}

/** `sluice migrate`: brings the schema up to date and prints the scripts. It needs SLUICE_DATABASE_URL alone. */
export async function migrate(terminal: Terminal, { grantTo }: { grantTo?: string }): Promise<void> {
  const { applied } = await migrateDatabase({ ...parseDatabase(terminal.env), serviceRole: grantTo });
  if (applied.length === 0) printLine(terminal, "the schema is up to date");
  for (const script of applied) printLine(terminal, `applied ${script}`);
  if (grantTo !== undefined) printLine(terminal, `${grantTo} may run the service`);
}
