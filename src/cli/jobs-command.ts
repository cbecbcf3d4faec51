import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

/** Adds `sluice jobs`. Functions that other commands use as well are passed in. */
export function addJobs(
  program: Command,
  terminal: Terminal,
  { withService }: { withService: (command: Command) => Command },
): void {
  withService(program.command("jobs"))
    .description("list the jobs that the service runs by the clock: the last run, its outcome, and the next one")
    .action(async (options) => (await import("./jobs-actions.ts")).runListJobs(terminal, options));
}
