import type { Command } from "commander";
import type { Terminal } from "../terminal/terminal.ts";

/** Adds `sluice login`. */
export function addLogin(program: Command, terminal: Terminal, withAddress: (command: Command) => Command): void {
  withAddress(program.command("login"))
    .description("sign in by a browser, here or on another device; the tokens are kept in a file of yours and renewed")
    .option("--issuer <alias>", "issuer to sign in by, where the service has several")
    .action(async (options) => await (await import("./login-actions.ts")).runLogin(terminal, options));
}
