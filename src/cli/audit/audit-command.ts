import type { Command } from "commander";
import { UsageError } from "../terminal/exit-code.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { addAuditLog } from "./audit-log-command.ts";

/** Adds `sluice audit`. Functions that other commands use as well are passed in. */
export function addAudit(
  program: Command,
  terminal: Terminal,
  {
    withConnection,
    parseCount,
    onWaited,
  }: {
    withConnection: (command: Command) => Command;
    parseCount: (text: string) => number;
    /** Hears whether an operation that was waited for has done its work. */
    onWaited: (isDone: boolean) => void;
  },
): void {
  const audit = program.command("audit").description("what was done in a namespace, and by whom");
  withConnection(audit.command("ls"))
    .description("list what was done, the newest first: number, time, action, outcome, actor, path")
    .option(
      "--filter <filter>",
      'only entries that match, such as \'action = "DeleteFile" AND actor = "corp:anna"\'',
      "",
    )
    .option("--limit <n>", "most entries", parseCount, 100)
    .action(async (options) => (await import("./audit-actions.ts")).runListAudit(terminal, options));
  withConnection(audit.command("export"))
    .description("write all entries as lines of JSON, the oldest first; the last line says that they are complete")
    .option("--filter <filter>", "only entries that match, as of ls", "")
    .option("--after <n>", "only entries with a higher number", parseCount, 0)
    .option("--out <file>", "write them to this file instead of standard output")
    .option(
      "--to-bucket",
      "start an operation that writes them into an object of the namespace's bucket, and wait for it",
      false,
    )
    .action(async (options) => {
      if (options.toBucket && options.out !== undefined)
        throw new UsageError("--out and --to-bucket exclude each other; give one of them");
      if (options.toBucket)
        onWaited(await (await import("../operating/operations-actions.ts")).runExportToBucket(terminal, options));
      else await (await import("./export-audit.ts")).runExportAudit(terminal, options);
    });
  addAuditLog(audit, terminal, { parseCount });
}
