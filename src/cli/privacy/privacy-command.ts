import type { Command } from "commander";
import type { Terminal } from "../terminal/terminal.ts";

/** Adds `sluice privacy`. Functions that other commands use as well are passed in. */
export function addPrivacy(
  program: Command,
  terminal: Terminal,
  { withConnection }: { withConnection: (command: Command) => Command },
): void {
  const privacy = program.command("privacy").description("what is kept about a person, and its erasure");
  withConnection(privacy.command("export"))
    .description("print all that is kept about a person, as JSON lines, with URLs for the bytes")
    .argument("<data-subject>", "the person, as the data_subject of files names them")
    .action(async (dataSubject, options) =>
      (await import("./privacy-actions.ts")).runExport(terminal, dataSubject, options),
    );
  withConnection(privacy.command("erase"))
    .description("erase a person for good: bytes, links, and what the journal says of people")
    .argument("<data-subject>", "the person, as the data_subject of files names them")
    .option("--request-id <uuid>", "show, and go on with, the erasure that this request has begun")
    .action(async (dataSubject, options) =>
      (await import("./privacy-actions.ts")).runErase(terminal, dataSubject, options),
    );
}
