import { runCli } from "./program.ts";
import { handleOutputErrors } from "./terminal/output-errors.ts";

/* The process entry of `sluice`: it runs the commands, and ends with their exit code or with a signal. */

const interruption = new AbortController();
let interruptedBy: NodeJS.Signals | undefined;
const onSignal = (signal: NodeJS.Signals) => {
  interruptedBy = signal;
  interruption.abort(new Error(`interrupted by ${signal}`));
};
const resumable = new Set(["upload", "download", "reconcile"]);
if (resumable.has(process.argv[2] ?? "")) process.once("SIGINT", onSignal).once("SIGTERM", onSignal);

handleOutputErrors(process, process.argv.slice(2), (code) => process.exit(code));

// Connect stops listening to a session when the session is closed. The session may report its error after that, for instance
// when the server speaks HTTP/1.1 alone. By then the call has failed and its error was printed.
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
  if (error.code?.startsWith("ERR_HTTP2_") === true) return;
  console.error(error);
  process.exit(1);
});

const { stdout, stderr, stdin, env } = process;
const terminal = { stdout, stderr, stdin, env, signal: interruption.signal };
process.exitCode = await runCli(process.argv.slice(2), terminal, {
  serve: async (own) => (await import("./operating/server-commands.ts")).serve(own),
  migrate: async (own, options) => (await import("./operating/server-commands.ts")).migrate(own, options),
  config: async () => (await import("./configuration/config-actions.ts")).CONFIG_COMMANDS,
  reconcile: async (own, options) => (await import("./operating/reconcile-actions.ts")).runReconcile(own, options),
  doctor: async (own, options) => (await import("./doctor/doctor.ts")).runDoctor(own, options),
});
stdin.destroy();
// The process ends by the signal itself: it tells a shell's loop that the user wants to stop, which no exit code does.
if (interruptedBy !== undefined) process.kill(process.pid, interruptedBy);
