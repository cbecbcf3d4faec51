import type { Command } from "commander";
import { parseLifetime } from "../terminal/parse-lifetime.ts";
import type { Terminal } from "../terminal/terminal.ts";

// The actions are loaded when one is called, like those of all commands that call the service.
const loadActions = () => import("./link-actions.ts");

/** Adds `sluice link`. Functions that other commands use as well are passed in. */
export function addLink(
  program: Command,
  terminal: Terminal,
  common: { withConnection: (command: Command) => Command; parseCount: (text: string) => number },
): void {
  const { withConnection, parseCount } = common;
  const link = program.command("link").description("links that give a file to whoever holds their URL");
  withConnection(link.command("create"))
    .description("make a link to a file and print its URL, which is shown only now")
    .argument("<path>", "path of the file")
    .option("--lifetime <time>", "lifetime of the link: 90s, 30m, 12h, 7d; a day when left out", parseLifetime)
    .option("--max-uses <n>", "number of times that it may be used; any number when left out", parseCount)
    .option("--generation <n>", "generation that it gives; when left out, the one that is live at each use", parseCount)
    .option("--name <name>", "name that a browser saves the file under")
    .option("--inline", "let a browser show the file instead of saving it", false)
    .option("--note <text>", "purpose of the link; only ls shows it")
    .action(async (path, options) => (await loadActions()).runCreateLink(terminal, path, options));
  withConnection(link.command("ls"))
    .description("list links: id, state, uses, end, path")
    .argument("[path]", "only links to this path", "")
    .option("--ended", "also links that are revoked, expired or used up", false)
    .action(async (path, options) => (await loadActions()).runListLinks(terminal, path, options));
  withConnection(link.command("revoke"))
    .description("end a link at once and for good")
    .argument("<link-id>", "id of the link")
    .action(async (linkId, options) => (await loadActions()).runRevokeLink(terminal, linkId, options));
}
