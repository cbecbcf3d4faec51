import { createRequire } from "node:module";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { LANES_AUTO, LANES_FROM_BYTES, LANES_MAX, type Lanes } from "../client/uploads/lane-plan.ts";
import { addAudit } from "./audit/audit-command.ts";
import { addConfig, type ConfigCommands } from "./configuration/config-command.ts";
import { addEvents } from "./events/events-command.ts";
import { addSubscriptions } from "./events/subscriptions-command.ts";
import { addLink } from "./files/link-command.ts";
import { addUploadToken } from "./files/upload-token-command.ts";
import { addLogin } from "./login/login-command.ts";
import { addNamespaces } from "./namespaces/namespace-command.ts";
import { addJobs } from "./operating/jobs-command.ts";
import type { ReconcileCommandOptions } from "./operating/reconcile-actions.ts";
import { addPrivacy } from "./privacy/privacy-command.ts";
import { EXIT, toErrorJson, toExitCode, toSentence, UsageError } from "./terminal/exit-code.ts";
import { printJson, printNote, type Terminal } from "./terminal/terminal.ts";

// Commands that call the service load this: a process that serves does not need the memory of the client.
const loadUpload = () => import("./files/upload-command.ts");
const loadDownload = () => import("./files/download-command.ts");
const loadFiles = () => import("./files/file-commands.ts");
const loadLifecycle = () => import("./files/lifecycle-commands.ts");
const loadRemoteDoctor = () => import("./doctor/remote-doctor.ts");
const loadWatch = () => import("./files/watch-command.ts");

const VERSION: string = createRequire(import.meta.url)("../../package.json").version;

/** From nothing to what a bucket's AWS account is to have. A test runs it. */
export const AWS_STEPS = `The AWS configuration of a bucket, from nothing to a file:
  $ sluice config init --output sluice.aws.yaml     name bucket, region and account in it, and switch on AWS services
  $ sluice config explain                           read who may do what
  $ sluice config generate --output template.yaml   deploy it with CloudFormation
`;

/** What runs in the server's process; given from outside so that `sluice ls` does not load the server. */
export interface ServerCommands {
  /** Serves until it is told to stop. */
  serve(terminal: Terminal): Promise<void>;
  migrate(terminal: Terminal, options: { grantTo?: string }): Promise<void>;
  /** Resolves to whether all is well. */
  doctor(terminal: Terminal, options: { json: boolean }): Promise<boolean>;
  /** Resolves to whether all is well. */
  reconcile(terminal: Terminal, options: ReconcileCommandOptions): Promise<boolean>;
  config(): Promise<ConfigCommands>;
}

/** Runs one command line (without node and script). Resolves to the exit code; every failure is printed on the terminal. */
export async function runCli(args: readonly string[], terminal: Terminal, server: ServerCommands): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = createProgram(terminal, server, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (terminal.signal.aborted) {
      printNote(terminal, "interrupted");
      return EXIT.failed;
    }
    printNote(terminal, `sluice: ${toSentence(error)}`);
    if (args.includes("--json")) printJson(terminal, toErrorJson(error));
    return toExitCode(error);
  }
}

function createProgram(terminal: Terminal, server: ServerCommands, setExitCode: (code: number) => void): Command {
  const program = new Command("sluice")
    .description("Files in S3, fast and safe. Commands that call the service read SLUICE_URL and SLUICE_TOKEN.")
    .version(VERSION, "-V, --version", "print the version")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError("(sluice --help lists the commands)")
    .addHelpText("before", AWS_STEPS)
    .addHelpText("after", "\nExit codes: 0 done, 1 failed, 2 bad usage, 75 try again later.");

  addUpload(program, terminal);
  addDownload(program, terminal);
  withConnection(program.command("watch"))
    .description(
      "show the progress of an upload, whoever writes it, until its outcome; exits with 1 unless it was committed",
    )
    .argument("<upload-id>", "id of the upload")
    .action(async (uploadId, options) =>
      setExitCode((await (await loadWatch()).runWatch(terminal, uploadId, options)) ? EXIT.done : EXIT.failed),
    );
  addFileCommands(program, terminal);
  addLifecycleCommands(program, terminal);
  addLink(program, terminal, { withConnection, parseCount });
  addEvents(program, terminal, { withConnection });
  addSubscriptions(program, terminal, { withConnection });
  const onWaited = (isDone: boolean) => setExitCode(isDone ? EXIT.done : EXIT.failed);
  addAudit(program, terminal, { withConnection, parseCount, onWaited });
  addPrivacy(program, terminal, { withConnection });
  addUploadToken(program, terminal, { withConnection, parseCount });
  addNamespaces(program, terminal, { withService, parseCount });
  addJobs(program, terminal, { withService, withConnection, onWaited });
  addLogin(program, terminal, withAddress);

  program
    .command("serve")
    .description("run the service, which SLUICE_* variables configure")
    .action(() => server.serve(terminal));
  program
    .command("migrate")
    .description("bring the database's schema up to date; reads SLUICE_DATABASE_* alone")
    .option("--grant-to <role>", "let this role run the service; makes the role where it is missing")
    .action((options) => server.migrate(terminal, options));
  withService(program.command("doctor"))
    .description("check the service's configuration and surroundings, and print how to mend each problem")
    .option("--remote", "ask the running service at --url instead, and name the sections of docs/runbook.md", false)
    .option("--metrics <url>", "with --remote: the metrics page too, for instance http://127.0.0.1:9464/metrics")
    .action(async ({ remote, ...options }) => {
      const examine = remote ? (await loadRemoteDoctor()).runRemoteDoctor : server.doctor;
      setExitCode((await examine(terminal, options)) ? EXIT.done : EXIT.failed);
    });
  program
    .command("reconcile")
    .description("compare S3 with the database, print what differs, and repair what a row proves to be nobody's")
    .option("--namespace <name>", "one namespace; all when left out")
    .option("--after <key>", "go on where an earlier run of the namespace has ended")
    .option("--checksums", "ask S3 for the CRC32 of each object too, by a request each", false)
    .option("--repair", "delete bytes that rows prove to be nobody's; each deletion has an entry in the journal", false)
    .option("--older-than-days <n>", "leave out objects without a row that are younger", parseCount, 7)
    .option("--json", "print JSON lines", false)
    .action(async (options) => setExitCode((await server.reconcile(terminal, options)) ? EXIT.done : EXIT.failed));
  addConfig(program, terminal, {
    commands: () => server.config(),
    onVerified: (isWell) => setExitCode(isWell ? EXIT.done : EXIT.failed),
  });
  return program;
}

function addUpload(program: Command, terminal: Terminal): void {
  withConnection(program.command("upload"))
    .description("upload a file, or standard input (-); continues an upload of the same file that was cut")
    .argument("<file>", 'file to read, "-" for standard input')
    .argument(
      "[path]",
      "path to upload to; when left out, the file's name; when it ends in \"/\", the file's name below it",
    )
    .option("--content-type <type>", "media type; when left out, it is guessed by the extension")
    .option(
      "--meta <name=value>",
      "metadata to keep with the file; repeatable",
      collectEntries("metadata", "--meta author=anna"),
      {},
    )
    .option(
      "--label <name=value>",
      "label to find the file by; repeatable",
      collectEntries("label", "--label team=legal"),
      {},
    )
    .option(
      "--if-generation-match <n>",
      "commit only over this generation; 0: only if there is no file yet",
      parseCount,
    )
    .option("--size-hint <bytes>", "likely size of standard input; chooses the part size", parseCount)
    .option("--sha256", "let the service compute and keep the SHA-256", false)
    .option(
      "--lanes <n>",
      `connections to send a file by at once; "auto": ${LANES_AUTO} from ${LANES_FROM_BYTES / 2 ** 20} MiB on, otherwise 1`,
      parseLanes,
      "auto",
    )
    .option("--no-resume", "begin anew, even if an earlier upload of this file could be continued")
    .action(async (file, path, options) => (await loadUpload()).runUpload(terminal, [file, path], options));
}

function addDownload(program: Command, terminal: Terminal): void {
  withConnection(program.command("download"))
    .description("download a file through its presigned URL and verify it; continues a download that was cut")
    .argument("<path>", "path of the file")
    .argument("[dest]", 'file or directory to write to, "-" for standard output; when left out, the file\'s name')
    .option("--generation <n>", "generation to download; the current one when left out", parseCount)
    .option("--no-resume", "begin anew, even if an earlier download could be continued")
    .action(async (path, destination, options) =>
      (await loadDownload()).runDownload(terminal, [path, destination], options),
    );
}

function addFileCommands(program: Command, terminal: Terminal): void {
  withSelection(program.command("ls"))
    .description("list files: size, time, generation, path")
    .argument("[prefix]", "only paths that begin with this", "")
    .option("--folders", "only the files and folders directly under the prefix", false)
    .action(async (prefix, options) => (await loadFiles()).runList(terminal, prefix, options));
  withSelection(program.command("search"))
    .description("find files by words of their paths and metadata, by a filter, or both")
    .argument("[words...]", "words; all of them must be there")
    .option("--limit <n>", "most files to print; all when left out", parseCount)
    .action(async (words, options) => (await loadFiles()).runSearch(terminal, words, options));
  withConnection(program.command("generations"))
    .description("list all generations of a path that are kept, the newest first")
    .argument("<path>", "path of the file")
    .action(async (path, options) => (await loadFiles()).runGenerations(terminal, path, options));
  withConnection(program.command("label"))
    .description("set labels of a file (team=legal), or remove them (team-)")
    .argument("<path>", "path of the file")
    .argument("<changes...>", "name=value to set a label, name- to remove it")
    .action(async (path, changes, options) => (await loadFiles()).runLabel(terminal, [path, changes], options));
  withConnection(program.command("rm"))
    .description("delete a file; it can be restored for a while")
    .argument("<path>", "path of the file")
    .option("--if-generation-match <n>", "only if this is the current generation", parseCount)
    .action(async (path, options) => (await loadFiles()).runRemove(terminal, path, options));
}

function addLifecycleCommands(program: Command, terminal: Terminal): void {
  withConnection(program.command("restore"))
    .description("bring a deleted file back, or make an older generation the current one again")
    .argument("<path>", "path of the file")
    .option(
      "--generation <n>",
      "generation to restore, deleted or superseded; the one deleted last when left out",
      parseCount,
    )
    .action(async (path, options) => (await loadLifecycle()).runRestore(terminal, path, options));
  withTarget(program.command("mv"))
    .description("move a file to another path; older generations stay")
    .action(async (path, target, options) => (await loadLifecycle()).runMove(terminal, [path, target], options));
  withTarget(program.command("cp"))
    .description("copy a file within storage, with its labels and metadata")
    .option("--generation <n>", "generation to copy; the current one when left out", parseCount)
    .action(async (path, target, options) => (await loadLifecycle()).runCopy(terminal, [path, target], options));
  withConnection(program.command("hold"))
    .description("keep a file from being deleted and purged, until the hold is lifted or until a time")
    .argument("<path>", "path of the file")
    .option("--until <time>", "keep it until then, for instance 2030-12-31; it can be extended, never shortened")
    .option("--lift", "lift the hold", false)
    .option("--generation <n>", "generation to keep, live or not; the current one when left out", parseCount)
    .action(async (path, options) => (await loadLifecycle()).runHold(terminal, path, options));
  withConnection(program.command("purge"))
    .description("remove the bytes of a deleted file, or of an older generation, for good")
    .argument("<path>", "path of the file")
    .option("--generation <n>", "generation to purge; the one deleted last when left out", parseCount)
    .action(async (path, options) => (await loadLifecycle()).runPurge(terminal, path, options));
}

function withTarget(command: Command): Command {
  return withConnection(command)
    .argument("<path>", "path of the file")
    .argument("<target>", "new path of the file; a file that is already there becomes an older generation")
    .option("--no-clobber", "only if no file is there");
}

/** Options for the files that a command shows, and for their order. */
function withSelection(command: Command): Command {
  return withConnection(command)
    .option("--filter <filter>", 'only files that match, for instance: labels.team = "legal" AND size_bytes > 1000', "")
    .option(
      "--order <field>",
      'path, create_time, update_time or size_bytes; "size_bytes desc" for the largest first',
      "",
    )
    .option("--deleted", "also files that are deleted and can be restored", false);
}

function withConnection(command: Command): Command {
  return withService(command).option("--namespace <name>", "namespace of the file", "default");
}

/** The options of a command that calls the service. */
function withService(command: Command): Command {
  return withAddress(command)
    .option("--ca <file>", "certificate (PEM) of the authority that signed the service's own")
    .addOption(
      new Option("--auth <way>", "iam: sign tokens with AWS credentials; SLUICE_AUTH=iam when left out").choices([
        "iam",
      ]),
    );
}

function withAddress(command: Command): Command {
  return command
    .option(
      "--url <url>",
      "URL of the service, several (of its replicas) separated by commas; SLUICE_URL when left out",
    )
    .option("--json", "print JSON lines", false);
}

function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("Give a whole number, 0 or more.");
  return Number(text);
}

function parseLanes(text: string): Lanes {
  if (text === "auto") return text;
  const lanes = parseCount(text);
  if (lanes < 1 || lanes > LANES_MAX) throw new InvalidArgumentError(`Give "auto" or 1 to ${LANES_MAX}.`);
  return lanes;
}

/** Collects the values of a repeatable option. */
function collectEntries(what: string, example: string) {
  return (text: string, earlier: Record<string, string>): Record<string, string> => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`"${text}" is no ${what}; give a name and a value, for instance ${example}`);
    return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
  };
}
