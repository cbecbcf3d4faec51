import { spawn } from "node:child_process";
import { access, constants, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { CI_CACHE } from "../../rigs/tools/find-program.ts";

const PACKAGE = "@cdklabs/cdk-validator-cfnguard";
const VERSION = "0.0.62";
const PROCESSES_MAX = 2;
const TIMEOUT_MS = 300_000;
/** https://docs.aws.amazon.com/cfn-guard/latest/ug/cfn-guard-validate.html: 19 is "some rules failed". */
const EXIT_FAILED = 19;

/** A rule that a template breaks. */
export interface GuardFinding {
  /** Name of the file, without its folder. */
  file: string;
  /** The control in brackets that the rule's message begins with (`CT.S3.PR.10`), else the rule's name. */
  rule: string;
  /** Resources that break it, sorted. */
  logicalIds: readonly string[];
}

/** AWS's policy checker for templates, with the proactive controls of AWS Control Tower. */
export interface CfnGuard {
  /** Folder of the Control Tower rules, for `validate`. */
  controlTowerRules: string;
  /** Broken rules of templates; `rules` is a file or a folder of rules. Rejects for rules that it cannot read. */
  validate(paths: readonly string[], options: { rules: string }): Promise<GuardFinding[]>;
}

/**
 * The cfn-guard in the unpacked npm package that SLUICE_CFN_GUARD names, else in CI's cache; a sentence that says what
 * is missing where it is not, of another version, or not for this platform. The package is no dependency: its peer aws-cdk-lib is 161 MB.
 */
export async function findCfnGuard(): Promise<CfnGuard | string> {
  const said = process.env.SLUICE_CFN_GUARD ?? "";
  const folder = said !== "" ? said : join(CI_CACHE, `cfn-guard-${VERSION}`, "package");
  const system = { linux: "ubuntu", darwin: "macos" }[process.platform as string];
  const processor = { x64: "x86_64", arm64: "aarch64" }[process.arch as string];
  if (system === undefined || processor === undefined)
    return `cfn-guard comes for Linux and macOS on x64 and arm64, not for ${process.platform} on ${process.arch}`;
  const program = join(folder, "bin", system, processor, "cfn-guard");
  const isThere = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isThere) {
    const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { version: string };
    if (version !== VERSION)
      return `${folder} is ${PACKAGE} ${version}; this test is written for ${VERSION} (npm pack ${PACKAGE}@${VERSION})`;
    return {
      controlTowerRules: join(folder, "rules", "control-tower", "cfn-guard"),
      validate: (paths, { rules }) => validateInParallel(program, paths, rules),
    };
  }
  if (said !== "") throw new Error(`SLUICE_CFN_GUARD names ${said}, which has no ${program}`);
  return `cfn-guard is not installed (npm pack ${PACKAGE}@${VERSION}; SLUICE_CFN_GUARD may name the folder it is unpacked to)`;
}

async function validateInParallel(program: string, paths: readonly string[], rules: string): Promise<GuardFinding[]> {
  const size = Math.max(1, Math.ceil(paths.length / Math.min(PROCESSES_MAX, availableParallelism())));
  const batches = Array.from({ length: Math.ceil(paths.length / size) }, (_, at) =>
    paths.slice(at * size, (at + 1) * size),
  );
  return (await Promise.all(batches.map((batch) => validate(program, batch, rules)))).flat();
}

async function validate(program: string, paths: readonly string[], rules: string): Promise<GuardFinding[]> {
  const options = ["--structured", "--output-format", "json", "--show-summary", "none"];
  const templates = paths.flatMap((path) => ["--data", path]);
  const child = spawn(program, ["validate", "--rules", rules, ...templates, ...options], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  const [code, said, complaint] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  // Rules that it cannot read are left out with a complaint and nothing more.
  if ((code !== 0 && code !== EXIT_FAILED) || complaint !== "")
    throw new Error(`cfn-guard ended with ${code ?? child.signalCode}: ${complaint.slice(-2000)}`);
  return (JSON.parse(said) as GuardReport[]).flatMap(toFindings);
}

/** What cfn-guard writes by `--structured`, as far as it is read here. */
interface GuardReport {
  name: string;
  not_compliant: readonly { Rule: { name: string; checks: readonly unknown[] } }[];
}

function toFindings({ name, not_compliant }: GuardReport): GuardFinding[] {
  return not_compliant.map(({ Rule }) => {
    const control = /\[([A-Z0-9]+(?:\.[A-Z0-9]+)+)\]/.exec(JSON.stringify(Rule.checks))?.[1];
    return { file: basename(name), rule: control ?? Rule.name, logicalIds: [...findLogicalIds(Rule.checks)].sort() };
  });
}

/** Resources that failed clauses name by their paths; what they were compared `to` is another's. */
function findLogicalIds(checks: unknown, found = new Set<string>()): Set<string> {
  if (typeof checks !== "object" || checks === null) return found;
  for (const [key, value] of Object.entries(checks)) {
    const logicalId = key === "path" && typeof value === "string" ? /^\/Resources\/(\w+)/.exec(value)?.[1] : undefined;
    if (logicalId !== undefined) found.add(logicalId);
    else if (key !== "to") findLogicalIds(value, found);
  }
  return found;
}
