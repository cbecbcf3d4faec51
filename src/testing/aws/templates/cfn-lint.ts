import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { findTool, TOOLS } from "../../rigs/tools/find-tool.ts";

/** A start costs 1.5 s and a template 0.3 s and more: enough templates a process that the start hardly counts. */
const FILES_A_PROCESS = 40;
const PROCESSES_MAX = 2;
const PROCESS_TIMEOUT_MS = 300_000;
/** cfn-lint's exit code adds 2 for errors, 4 for warnings and 8 for informational findings; everything else is a failure. */
const FINDING_CODES = new Set([0, 2, 4, 6, 8, 10, 12, 14]);

/** One error or warning. */
export interface LintFinding {
  /** Name of the file, without its folder. */
  file: string;
  /** `E3002`: https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md */
  rule: string;
  /** Where in the template: `Resources/DataBucket/Properties/…`. */
  path: string;
  message: string;
}

/** AWS's linter of CloudFormation templates. */
export interface CfnLint {
  /** Errors and warnings of templates, as they would be deployed to a region. */
  lint(paths: readonly string[], options: { region: string }): Promise<LintFinding[]>;
}

/** The pinned cfn-lint, or a sentence that says what is missing or of another version. */
export async function findCfnLint(): Promise<CfnLint | string> {
  const found = await findTool(TOOLS.cfnLint);
  if (typeof found === "string") return found;
  return { lint: (paths, { region }) => lintInBatches(found.program, paths, region) };
}

/** A process for each batch, at most two at a time. */
async function lintInBatches(program: string, paths: readonly string[], region: string): Promise<LintFinding[]> {
  const processes = Math.min(PROCESSES_MAX, availableParallelism());
  const size = Math.max(1, Math.min(FILES_A_PROCESS, Math.ceil(paths.length / processes)));
  const batches: (readonly string[])[] = [];
  for (let at = 0; at < paths.length; at += size) batches.push(paths.slice(at, at + size));
  const found: LintFinding[][] = [];
  const waiting = batches.entries();
  const work = async () => {
    for (const [at, batch] of waiting) found[at] = await lintOnce(program, batch, region);
  };
  await Promise.all(Array.from({ length: processes }, work));
  return found.flat();
}

async function lintOnce(program: string, paths: readonly string[], region: string): Promise<LintFinding[]> {
  // Neither a .cfnlintrc of the repository nor one of whoever runs the tests may take rules away: an empty one is read.
  const options = ["--config-file", "/dev/null", "--format", "json", "--regions", region];
  const child = spawn(program, [...options, "--template", ...paths], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PROCESS_TIMEOUT_MS,
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  const [code, said, complaint] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code === null || !FINDING_CODES.has(code))
    throw new Error(`cfn-lint ended with ${code ?? child.signalCode}: ${complaint.slice(-2000)}`);
  return (said.trim() === "" ? [] : (JSON.parse(said) as CfnLintMatch[])).map(toFinding);
}

/** What cfn-lint writes by `--format json`, as far as it is read here. */
interface CfnLintMatch {
  Filename: string;
  Message: string;
  Rule: { Id: string };
  Location: { Path: readonly (string | number)[] | null };
}

function toFinding({ Filename, Message, Rule, Location }: CfnLintMatch): LintFinding {
  return { file: basename(Filename), rule: Rule.Id, path: (Location.Path ?? []).join("/"), message: Message };
}
