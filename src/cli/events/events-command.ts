import type { Command } from "commander";
import { UsageError } from "../terminal/exit-code.ts";
import type { Terminal } from "../terminal/terminal.ts";

// The actions are loaded when one is called, like those of all commands that call the service.
const loadActions = () => import("./events-actions.ts");

/** Adds `sluice events`. The function that other commands use as well is passed in. */
export function addEvents(
  program: Command,
  terminal: Terminal,
  { withConnection }: { withConnection: (command: Command) => Command },
): void {
  withConnection(program.command("events"))
    .description("print what has changed, the oldest first; with --follow also what changes from then on")
    .option("--follow", "go on with each new event, until interrupted", false)
    .option("--after <cursor>", "only events behind this cursor, which each line of --json has", "")
    .option("--new", "only events from now on; implies --follow", false)
    .option("--prefix <prefix>", "only events of paths that begin with this", "")
    .option("--type <type...>", "only events of these types, for instance sluice.file.committed.v1")
    .action(async (options) => {
      if (options.new && options.after !== "")
        throw new UsageError("--new and --after exclude each other; give one of them");
      await (await loadActions()).runEvents(terminal, options);
    });
}
