import { createRequire } from "node:module";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { LANES_AUTO, LANES_FROM_BYTES, LANES_MAX, type Lanes } from "../client/lane-plan.ts";
import { addConfig, type ConfigCommands } from "./config-command.ts";
import { EXIT, toErrorJson, toExitCode, toSentence, UsageError } from "./exit-code.ts";
import { addLink } from "./link-command.ts";
import { printJson, printNote, type Terminal } from "./terminal.ts";

// Loaded by the commands that call the service: one that serves does without the memory of the client.
const loadUpload = () => import("./upload-command.ts");
const loadDownload = () => import("./download-command.ts");
const loadFiles = () => import("./file-commands.ts");
const loadWatch = () => import("./watch-command.ts");

const VERSION: string = createRequire(import.meta.url)("../../package.json").version;

/** What runs in the server's process; given from outside so that `sluice ls` does not load the server. */
export interface ServerCommands {
  /** Serves until it is told to stop. */
  serve(terminal: Terminal): Promise<void>;
  migrate(terminal: Terminal): Promise<void>;
  /** Resolves to whether all is well. */
  doctor(terminal: Terminal, options: { json: boolean }): Promise<boolean>;
  config(): Promise<ConfigCommands>;
}

/** Runs one command line (without node and script). Resolves to the exit code; everything that fails is told on the terminal. */
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
    .addHelpText("after", "\nExit codes: 0 done, 1 failed, 2 bad usage, 75 try again later.");

  addUpload(program, terminal);
  addDownload(program, terminal);
  withConnection(program.command("watch"))
    .description("show how far an upload is, whoever writes it, until its outcome; 1 unless it was committed")
    .argument("<upload-id>", "id of the upload")
    .action(async (uploadId, options) =>
      setExitCode((await (await loadWatch()).runWatch(terminal, uploadId, options)) ? EXIT.done : EXIT.failed),
    );
  addFileCommands(program, terminal);
  addLink(program, terminal, { withConnection, parseCount });

  program
    .command("serve")
    .description("run the service; configured by SLUICE_* variables")
    .action(() => server.serve(terminal));
  program
    .command("migrate")
    .description("bring the database's schema up to date; reads SLUICE_DATABASE_URL alone")
    .action(() => server.migrate(terminal));
  program
    .command("doctor")
    .description("say what is wrong with the service's configuration")
    .option("--json", "print JSON", false)
    .action(async (options) => setExitCode((await server.doctor(terminal, options)) ? EXIT.done : EXIT.failed));
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
    .argument("[path]", 'path to upload to; the name of the file when left out, below it when it ends in "/"')
    .option("--content-type <type>", "media type; guessed by the extension when left out")
    .option("--meta <name=value>", "metadata to keep with the file; repeatable", collectMetadata, {})
    .option(
      "--if-generation-match <n>",
      "commit only over this generation; 0: only if there is no file yet",
      parseCount,
    )
    .option("--size-hint <bytes>", "likely size of standard input; chooses the part size", parseCount)
    .option("--sha256", "have the SHA-256 computed and kept", false)
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
    .argument("[dest]", 'file or directory to write to, "-" for standard output; the name of the file when left out')
    .option("--generation <n>", "which generation; the current one when left out", parseCount)
    .option("--no-resume", "begin anew, even if an earlier download could be continued")
    .action(async (path, destination, options) =>
      (await loadDownload()).runDownload(terminal, [path, destination], options),
    );
}

function addFileCommands(program: Command, terminal: Terminal): void {
  withConnection(program.command("ls"))
    .description("list files: size, time, generation, path")
    .argument("[prefix]", "only paths that begin with this", "")
    .option("--deleted", "also files that are deleted and can be restored", false)
    .action(async (prefix, options) => (await loadFiles()).runList(terminal, prefix, options));
  withConnection(program.command("rm"))
    .description("delete a file; it can be restored for a while")
    .argument("<path>", "path of the file")
    .option("--if-generation-match <n>", "only if this is the current generation", parseCount)
    .action(async (path, options) => (await loadFiles()).runRemove(terminal, path, options));
  withConnection(program.command("restore"))
    .description("bring a deleted file back")
    .argument("<path>", "path of the file")
    .option("--generation <n>", "which generation; the one deleted last when left out", parseCount)
    .action(async (path, options) => (await loadFiles()).runRestore(terminal, path, options));
}

function withConnection(command: Command): Command {
  return command
    .option(
      "--url <url>",
      "URL of the service, several (of its replicas) separated by commas; SLUICE_URL when left out",
    )
    .option("--ca <file>", "certificate (PEM) of the authority that signed the service's own")
    .option("--namespace <name>", "namespace of the file", "default")
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

function collectMetadata(text: string, earlier: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1)
    throw new UsageError(`"${text}" is no metadata; give a name and a value, for instance --meta author=anna`);
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}
