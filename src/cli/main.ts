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

// Connect stops listening to a session when it is closed, which may tell after that how it died, for instance of a server that
// speaks HTTP/1.1 alone. The call on it has failed by then and was told.
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
  if (error.code?.startsWith("ERR_HTTP2_") === true) return;
  console.error(error);
  process.exit(1);
});

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
