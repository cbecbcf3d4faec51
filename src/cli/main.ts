#!/usr/bin/env node
import { handleOutputErrors } from "./output-errors.ts";
import { runCli } from "./program.ts";

/* The process entry of `sluice`: hands the process over to the commands, and ends as they or a signal say. */

const interruption = new AbortController();
let interruptedBy: NodeJS.Signals | undefined;
const onSignal = (signal: NodeJS.Signals) => {
  interruptedBy = signal;
  interruption.abort(new Error(`interrupted by ${signal}`));
};
const transfers = new Set(["upload", "download"]);
if (transfers.has(process.argv[2] ?? "")) process.once("SIGINT", onSignal).once("SIGTERM", onSignal);

handleOutputErrors(process, process.argv.slice(2), (code) => process.exit(code));

const { stdout, stderr, stdin, env } = process;
const terminal = { stdout, stderr, stdin, env, signal: interruption.signal };
process.exitCode = await runCli(process.argv.slice(2), terminal, {
  serve: async (own) => (await import("./server-commands.ts")).serve(own),
  migrate: async (own) => (await import("./server-commands.ts")).migrate(own),
  config: async () => (await import("./config-actions.ts")).CONFIG_COMMANDS,
  doctor: async (own, options) => (await import("./doctor.ts")).runDoctor(own, options),
});
stdin.destroy();
// Ending by the signal itself tells a shell's loop that the user wants out, as no exit code would.
if (interruptedBy !== undefined) process.kill(process.pid, interruptedBy);
