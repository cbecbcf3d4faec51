import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { CI_CACHE, findProgram } from "./find-program.ts";

/** A program that tests run where it is installed, and the version of it that they are written for. */
export interface Tool {
  /** The program's name on the PATH. */
  name: string;
  /** The version that tests expect, `1.58.0`; where any version that begins so will do, the beginning: `3`. */
  version: string;
  /** Environment variable that may name the program. */
  variable?: string;
  /** Folder in CI's cache where the program lies. */
  cached?: string;
  /** How to install it, in a few words. */
  install: string;
  /** A text whose first number with a dot in it is the version of this program; empty where it does not say. */
  askVersion(program: string): Promise<string>;
}

/** The tools whose answers depend on their version. `.ci/run` installs the same versions, but for PgBouncer and Terraform. */
export const TOOLS = {
  cfnLint: {
    name: "cfn-lint",
    version: "1.58.0",
    variable: "SLUICE_CFN_LINT",
    cached: "cfn-lint-1.58.0/bin",
    install: "pip install cfn-lint==1.58.0",
    askVersion: askItself,
  },
  moto: {
    name: "moto_server",
    version: "5.2.5",
    variable: "SLUICE_MOTO_SERVER",
    cached: "moto-5.2.5/bin",
    install: 'pip install "moto[server,s3,iam]==5.2.5"',
    askVersion: askPythonFor("moto"),
  },
  schemathesis: {
    name: "schemathesis",
    version: "4.32.5",
    variable: "SLUICE_SCHEMATHESIS",
    cached: "schemathesis-4.32.5/bin",
    install: "pip install schemathesis==4.32.5",
    askVersion: askItself,
  },
  versitygw: {
    name: "versitygw",
    version: "1.8.0",
    cached: "versitygw-v1.8.0/bin",
    install: "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0",
    askVersion: askGoProgram("github.com/versity/versitygw"),
  },
  seaweedfs: {
    name: "weed",
    version: "4.53",
    cached: "weed-4.53/bin",
    install: "SeaweedFS 4.53, built from its Go module as .ci/run does",
    askVersion: (program) => run(program, ["version"]),
  },
  s3sFs: {
    name: "s3s-fs",
    version: "0.14.1",
    cached: "s3s-fs-0.14.1/bin",
    install: "cargo install s3s-fs --version 0.14.1 --features binary --locked",
    askVersion: askItself,
  },
  grpcurl: {
    name: "grpcurl",
    version: "1.9.3",
    cached: "grpcurl-v1.9.3/bin",
    install: "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3",
    askVersion: askGoProgram("github.com/fullstorydev/grpcurl"),
  },
  helm: {
    name: "helm",
    version: "4.3.2",
    cached: "helm-v4.3.2/bin",
    install: "go install helm.sh/helm/v4/cmd/helm@v4.3.2",
    askVersion: askGoProgram("helm.sh/helm/v4"),
  },
  kubeconform: {
    name: "kubeconform",
    version: "0.8.0",
    cached: "kubeconform-v0.8.0/bin",
    install: "go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
    askVersion: askGoProgram("github.com/yannh/kubeconform"),
  },
  kubernetesValidate: {
    name: "kubernetes-validate",
    version: "1.37.0",
    cached: "kubernetes-validate-1.37.0/bin",
    install: "pip install kubernetes-validate==1.37.0",
    askVersion: askPythonFor("kubernetes-validate"),
  },
  fsck: {
    name: "fsck",
    version: "1.0.4",
    variable: "SLUICE_TEST_FSCK",
    cached: "fsck-v1.0.4/bin",
    install: "go install github.com/transparency-dev/tessera/cmd/fsck@v1.0.4",
    askVersion: askGoProgram("github.com/transparency-dev/tessera"),
  },
  tlogJudge: {
    name: "tlog-judge",
    version: "0.43.0",
    cached: "tlog-judge-v0.43.0/bin",
    install: "go build in src/testing/judges/tlog, as .ci/run does",
    askVersion: askGoProgram("golang.org/x/mod", "dep"),
  },
  promtool: {
    name: "promtool",
    version: "0.316.0",
    cached: "promtool-v0.316.0/bin",
    install: "go install github.com/prometheus/prometheus/cmd/promtool@v0.316.0",
    askVersion: askGoProgram("github.com/prometheus/prometheus"),
  },
  composeJudge: {
    name: "compose-judge",
    version: "2.16.2",
    cached: "compose-judge-v2.16.2/bin",
    install: "go build in src/testing/judges/compose, as .ci/run does",
    askVersion: askGoProgram("github.com/compose-spec/compose-go/v2", "dep"),
  },
  collector: {
    name: "otelcol",
    version: "0.165.0",
    cached: "otelcol-0.165.0/bin",
    install: "OpenTelemetry's collector 0.165.0, built of .ci/otelcol.yaml as .ci/run does",
    askVersion: askItself,
  },
  flyway: {
    name: "flyway",
    version: "12.4.0",
    cached: "flyway-12.4.0/bin",
    install: "Flyway 12.4.0, or its Maven packages as .ci/run takes them",
    askVersion: askItself,
  },
  pgbouncer: { name: "pgbouncer", version: "1", install: "PgBouncer 1 from Debian's packages", askVersion: askItself },
  terraform: {
    name: "terraform",
    version: "1",
    variable: "SLUICE_TEST_TERRAFORM",
    install: "Terraform 1",
    askVersion: askItself,
  },
} satisfies Record<string, Tool>;

/** How long a program may take to say its version: a JVM or a Python on a busy machine. */
const VERSION_TIMEOUT_MS = 60_000;

/**
 * Path of the tool's program: the one that its variable names, or else the one in CI's cache, on the PATH, or where `go
 * install` puts programs. Resolves to a sentence for whoever reads that a test was skipped where there is none, or the one
 * that is there is of another version. A variable that names no program throws.
 */
export async function findTool(tool: Tool): Promise<{ program: string } | string> {
  const program = await findProgram(tool.name, {
    said: tool.variable === undefined ? undefined : process.env[tool.variable],
    folders: tool.cached === undefined ? [] : [join(CI_CACHE, tool.cached)],
  });
  const hint = `${tool.install}${tool.variable === undefined ? "" : `; ${tool.variable} may name it`}`;
  if (program === undefined) return `the program ${tool.name} is not installed (${hint})`;
  const found = /\d+(\.\d+)+/.exec(await tool.askVersion(program))?.[0];
  if (found !== undefined && `${found}.`.startsWith(`${tool.version}.`)) return { program };
  return `${program} is of ${found === undefined ? "an unknown version" : `version ${found}`}; this test is written for ${tool.version} (${hint})`;
}

async function askItself(program: string): Promise<string> {
  return await run(program, ["--version"]);
}

/** A Python program that does not say its version: the Python beside it knows its package, else the one on the PATH. */
function askPythonFor(distribution: string): Tool["askVersion"] {
  return async (program) => {
    const python = await findProgram("python3", { folders: [dirname(program)] });
    const code = `import importlib.metadata as m; print(m.version("${distribution}"))`;
    return python === undefined ? "" : await run(python, ["-c", code]);
  };
}

/**
 * `go install` tells a program nothing, but the Go linker writes the versions of its module and of those that this is made of into it:
 * https://pkg.go.dev/debug/buildinfo
 */
function askGoProgram(module: string, kind: "mod" | "dep" = "mod"): Tool["askVersion"] {
  return async (program) => {
    const mark = `\n${kind}\t${module}\tv`;
    const bytes = await readFile(program);
    const at = bytes.indexOf(mark);
    if (at >= 0) return bytes.toString("latin1", at + mark.length, at + mark.length + 20);
    return await askItself(program);
  };
}

/** The output of the program; empty when the program fails, which its version then shows. */
async function run(program: string, args: readonly string[]): Promise<string> {
  return await promisify(execFile)(program, args, { timeout: VERSION_TIMEOUT_MS }).then(
    ({ stdout }) => stdout,
    () => "",
  );
}
