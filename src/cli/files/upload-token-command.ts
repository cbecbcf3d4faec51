import type { Command } from "commander";
import { parseLifetime } from "../terminal/parse-lifetime.ts";
import type { Terminal } from "../terminal/terminal.ts";

// The actions are loaded when one is called, like those of all commands that call the service.
const loadActions = () => import("./upload-token-actions.ts");

/** Adds `sluice upload-token`. Functions that other commands use as well are passed in. */
export function addUploadToken(
  program: Command,
  terminal: Terminal,
  common: { withConnection: (command: Command) => Command; parseCount: (text: string) => number },
): void {
  const { withConnection, parseCount } = common;
  const token = program.command("upload-token").description("tokens by which a browser uploads to one place");
  withConnection(token.command("create"))
    .description("make a token and print it, which is shown only now")
    .argument("<place>", 'prefix that ends in "/", or the path of one file')
    .option("--size-max <bytes>", "largest size of each file; what the namespace allows when left out", parseCount)
    .option("--uploads <n>", "number of uploads; one when left out", parseCount)
    .option("--only-new", "make new files only, and replace none", false)
    .option("--lifetime <time>", "time in which it begins uploads: 90s, 30m, 12h; an hour when left out", parseLifetime)
    .action(async (place, options) => (await loadActions()).runCreateUploadToken(terminal, place, options));
}
