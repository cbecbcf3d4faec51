import type { Command } from "commander";
import type { Terminal } from "../terminal/terminal.ts";

// The actions are loaded when one is called, like those of all commands that call the service.
const loadOperations = () => import("./operations-actions.ts");

/** Adds `sluice jobs` and `sluice operations`. Functions that other commands use as well are passed in. */
export function addJobs(
  program: Command,
  terminal: Terminal,
  {
    withService,
    withConnection,
    onWaited,
  }: {
    withService: (command: Command) => Command;
    withConnection: (command: Command) => Command;
    /** Hears whether an operation that was waited for has done its work. */
    onWaited: (isDone: boolean) => void;
  },
): void {
  withService(program.command("jobs"))
    .description("list the jobs that the service runs by the clock: the last run, its outcome, and the next one")
    .action(async (options) => (await import("./jobs-actions.ts")).runListJobs(terminal, options));
  const operations = program.command("operations").description("operations: work that goes on after its call");
  withConnection(operations.command("list"))
    .description("list operations with their state and progress, the newest first")
    .action(async (options) => (await loadOperations()).runListOperations(terminal, options));
  withConnection(operations.command("get"))
    .description("show an operation")
    .argument("<operation-id>", "id of the operation")
    .action(async (id, options) => (await loadOperations()).runGetOperation(terminal, id, options));
  withConnection(operations.command("wait"))
    .description("wait until an operation has ended; exits with 1 unless it has done its work")
    .argument("<operation-id>", "id of the operation")
    .action(async (id, options) => onWaited(await (await loadOperations()).runWaitOperation(terminal, id, options)));
  withConnection(operations.command("cancel"))
    .description("end an operation; what it has done until then stays")
    .argument("<operation-id>", "id of the operation")
    .action(async (id, options) => (await loadOperations()).runCancelOperation(terminal, id, options));
  withConnection(operations.command("copy"))
    .description("start to copy a file within storage, and print the id of the operation")
    .argument("<path>", "path of the file")
    .argument("<target>", "path to copy it to")
    .option("--request-id <uuid>", "show the operation that this request has started")
    .action(async (path, target, options) => (await loadOperations()).runStartCopy(terminal, [path, target], options));
  withConnection(operations.command("purge"))
    .description("start to purge all deleted files that match a filter, and print the id of the operation")
    .argument("<filter>", "AIP-160 filter, for instance 'path = \"drafts/*\"'")
    .option("--include-live", "live files too, which are deleted first", false)
    .option("--include-superseded", "superseded generations too", false)
    .option("--request-id <uuid>", "show the operation that this request has started")
    .action(async (filter, options) => (await loadOperations()).runStartPurge(terminal, filter, options));
}
