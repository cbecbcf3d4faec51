import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { findTool, TOOLS } from "./find-tool.ts";

const PROCESS_TIMEOUT_MS = 240_000;
/** The checks of every answer: it shows no defect, and nothing that the document does not say. */
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
];

/** A tester of APIs that makes requests up, right and wrong ones, from an OpenAPI document. */
export interface Schemathesis {
  /** The problems that it found, in its words; empty when there are none. */
  run(document: string, options: SchemathesisOptions): Promise<string>;
}

/** How it is run. The seed is fixed: the same requests each time. */
export interface SchemathesisOptions {
  url: string;
  token: string;
  phases: readonly ("coverage" | "fuzzing")[];
  /** Most requests of the fuzzing of one operation. */
  examplesMax: number;
  /** Values of path parameters that are not to be made up. */
  parameters?: Readonly<Record<string, string>>;
}

/** The pinned Schemathesis, or a sentence that says what is missing or of another version. */
export async function findSchemathesis(): Promise<Schemathesis | string> {
  const found = await findTool(TOOLS.schemathesis);
  if (typeof found === "string") return found;
  return { run: (document, options) => runOnce(found.program, document, options) };
}

async function runOnce(program: string, document: string, options: SchemathesisOptions): Promise<string> {
  // It runs in a folder of its own, because it leaves files there, and would read a configuration that lies there.
  const folder = await mkdtemp(join(tmpdir(), "sluice-schemathesis-"));
  try {
    const lines = Object.entries(options.parameters ?? {}).map(
      ([name, value]) => `"path.${name}" = ${JSON.stringify(value)}`,
    );
    const config = join(folder, "schemathesis.toml");
    await writeFile(config, ["warnings = false", "[parameters]", ...lines, ""].join("\n"));
    const child = spawn(program, ["--config-file", config, "run", document, ...toArguments(options)], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: PROCESS_TIMEOUT_MS,
    });
    const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
    const [code, said, complaint] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    if (code === 0) return "";
    return `schemathesis ended with ${code ?? child.signalCode}: ${said.slice(-8000)}${complaint.slice(-2000)}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function toArguments({ url, token, phases, examplesMax }: SchemathesisOptions): string[] {
  return [
    // This operation is left out: Schemathesis learns ids from answers, and the watch of an open upload has no end.
    ...["--exclude-operation-id", "WatchUpload"],
    // Nor has that of events.
    ...["--exclude-operation-id", "WatchEvents"],
    // A namespace whose bucket storage does not have answers every write by 503; the test of the examples makes one.
    ...["--exclude-operation-id", "CreateNamespace"],
    ...["--url", url, "--header", `Authorization: Bearer ${token}`, "--checks", CHECKS.join(",")],
    ...["--phases", phases.join(","), "--max-examples", String(examplesMax), "--seed", "1"],
    ...[
      "--request-timeout",
      "20",
      "--no-shrink",
      "--continue-on-failure",
      "--generation-database",
      "none",
      "--no-color",
    ],
  ];
}
