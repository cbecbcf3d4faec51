import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

/** Adds `sluice audit`. Functions that other commands use as well are passed in. */
export function addAudit(
  program: Command,
  terminal: Terminal,
  {
    withConnection,
    parseCount,
  }: { withConnection: (command: Command) => Command; parseCount: (text: string) => number },
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
}
