import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { CI_CACHE } from "../rigs/tools/find-program.ts";
import { findTool, TOOLS } from "../rigs/tools/find-tool.ts";

/** Where `.ci/run` keeps the definitions of what the operator of Prometheus adds to Kubernetes. */
const OPERATOR = join(CI_CACHE, "prometheus-operator-v0.85.0");
const OPERATOR_KINDS = ["ServiceMonitor", "PrometheusRule"];
const TIMEOUT_MS = 60_000;

/** The oldest version that Chart.yaml allows, and the newest that the schemas know. */
export const OLDEST_KUBERNETES = "1.30.0";
export const NEWEST_KUBERNETES = "1.37.0";

/** kubeconform with the schemas of Kubernetes, where unknown fields are errors. */
export interface KubernetesJudge {
  /** Kinds that it cannot judge here, for whoever reads that they were skipped. */
  readonly skipped: readonly string[];
  /** Looks at YAML as a version of Kubernetes such as "1.37.0" would. Empty where all is well, and its words otherwise. */
  judge(manifests: string, version: string): Promise<string>;
  close(): Promise<void>;
}

/** The pinned kubeconform and schemas, or a sentence that says what is missing or of another version. */
export async function openKubernetesJudge(): Promise<KubernetesJudge | string> {
  const [judge, schemas] = [await findTool(TOOLS.kubeconform), await findTool(TOOLS.kubernetesValidate)];
  if (typeof judge === "string") return judge;
  if (typeof schemas === "string") return schemas;
  const source = await findSchemas(schemas.program);
  const folder = await mkdtemp(join(tmpdir(), "sluice-schemas-"));
  const hasOperator = await writeOperatorSchemas(folder);
  const skipped = hasOperator ? [] : OPERATOR_KINDS;
  return {
    skipped,
    judge: async (manifests, version) => {
      const file = join(folder, "manifests.yaml");
      await writeFile(file, manifests);
      const kinds = [...manifests.matchAll(/^kind: (\w+)$/gm)].map(([, kind = ""]) => kind.toLowerCase());
      await copySchemas(join(source, `v${version}-local-strict`), { folder, kinds: new Set(kinds) });
      const location = join(folder, "{{ .ResourceKind }}{{ .KindSuffix }}.json");
      const args = ["-strict", "-schema-location", location, "-skip", skipped.join(","), file];
      return await promisify(execFile)(judge.program, args, { timeout: TIMEOUT_MS }).then(
        () => "",
        ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
      );
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The package of Python holds the schemas as files. */
async function findSchemas(program: string): Promise<string> {
  const code = "import kubernetes_validate; print(kubernetes_validate.__path__[0])";
  const { stdout } = await promisify(execFile)(join(dirname(program), "python3"), ["-c", code], {
    timeout: TIMEOUT_MS,
  });
  return join(stdout.trim(), "kubernetes-json-schema");
}

/** The schemas name one another by addresses at kubernetes.io, which nobody is to ask; here they lie side by side. */
async function copySchemas(
  source: string,
  { folder, kinds }: { folder: string; kinds: ReadonlySet<string> },
): Promise<void> {
  const names = await readdir(source);
  for (const name of names) {
    if (name !== "_definitions.json" && !kinds.has(name.split("-")[0] as string)) continue;
    const schema = await readFile(join(source, name), "utf8");
    const local = schema.replaceAll('"/api/_definitions.json', '"_definitions.json').replace('"$id":', '"$comment":');
    await writeFile(join(folder, name), local);
  }
}

interface Definition {
  spec: { names: { singular: string }; versions: { name: string; schema: { openAPIV3Schema: object } }[] };
}

/** Writes the schemas of the operator's kinds; false where their definitions are not here. */
async function writeOperatorSchemas(folder: string): Promise<boolean> {
  const names = OPERATOR_KINDS.map((kind) => `monitoring.coreos.com_${kind.toLowerCase()}s.yaml`);
  const texts = await Promise.all(names.map((name) => readFile(join(OPERATOR, name), "utf8"))).catch(() => undefined);
  for (const text of texts ?? []) {
    const { names: kind, versions } = (parse(text) as Definition).spec;
    for (const { name, schema } of versions) {
      const strict = JSON.stringify(schema.openAPIV3Schema, forbidUnknownFields);
      await writeFile(join(folder, `${kind.singular}-monitoring-${name}.json`), strict);
    }
  }
  return texts !== undefined;
}

/** Kubernetes drops fields that a definition lacks; metadata is not written out in definitions. */
function forbidUnknownFields(key: string, value: unknown): unknown {
  const isObject = typeof value === "object" && value !== null && "properties" in value && key !== "metadata";
  return isObject && !("additionalProperties" in value) ? { ...value, additionalProperties: false } : value;
}
