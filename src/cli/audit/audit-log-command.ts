import type { Command } from "commander";
import type { Terminal } from "../terminal/terminal.ts";

/** Adds the commands of `sluice audit` that are about the published log; they call no service. */
export function addAuditLog(
  audit: Command,
  terminal: Terminal,
  { parseCount }: { parseCount: (text: string) => number },
): void {
  audit
    .command("keygen")
    .description("make a key that signs the audit log, and print it with the public key for those who verify")
    .argument("<name>", "name of the log, such as files.example.org/audit")
    .action(async (name) => (await import("./make-audit-key.ts")).runMakeAuditKey(terminal, name));
  audit
    .command("verify")
    .description("verify a published audit log, and an export of it; names the first entry that is not as it was")
    .requiredOption("--key <key>", "public key of the log, or a file with it")
    .requiredOption("--log <place>", "where the log is: a URL, a folder, or s3://bucket/folder")
    .option("--origin <origin>", "origin of the log; the name of its key when left out")
    .option("--export <file>", 'lines of "sluice audit export", whose contents are compared; "-" for standard input')
    .option("--all", "the export has all entries, of every namespace: what it lacks was removed", false)
    .option("--after <n>", "the export with --all begins behind this number", parseCount, 0)
    .option("--checkpoint <file>", "a checkpoint from before, which the log must have grown from")
    .option("--json", "print JSON", false)
    .action(async (options) => (await import("./verify-audit-log.ts")).runVerifyAuditLog(terminal, options));
  audit
    .command("fork")
    .description("begin another log where the database was restored, so that it can be published; reads SLUICE_*")
    .requiredOption("--continue", "begin it; the log before it stays as it is")
    .action(async () => (await import("./fork-audit-log.ts")).runForkAuditLog(terminal));
}
