import { glob, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findTool, TOOLS } from "../../rigs/tools/find-tool.ts";

/** What CloudFormation's registry says of a resource type. */
export interface RegistrySchema {
  readonly handlers?: Readonly<Record<"read" | "list", { readonly permissions: readonly string[] } | undefined>>;
  readonly primaryIdentifier: readonly string[];
  readonly writeOnlyProperties?: readonly string[];
}

/** Looks up the schema of a type; undefined when the registry has none. */
export type FindRegistrySchema = (type: string) => Promise<RegistrySchema | undefined>;

/** The registry's schemas, which the pinned cfn-lint brings along, or a sentence that says what is missing. */
export async function findRegistrySchemas(): Promise<FindRegistrySchema | string> {
  const found = await findTool(TOOLS.cfnLint);
  if (typeof found === "string") return found;
  const pattern = join(
    dirname(found.program),
    "../lib/python*/site-packages/cfnlint/data/schemas/providers/us-east-1.json",
  );
  for await (const index of glob(pattern)) {
    const files = JSON.parse(await readFile(index, "utf8")) as Record<string, string>;
    return async (type) => {
      const name = files[type];
      if (name === undefined) return undefined;
      return JSON.parse(await readFile(join(dirname(index), "../resources", `${name}.json`), "utf8"));
    };
  }
  return `${found.program} is not installed with its schemas; ${TOOLS.cfnLint.install}`;
}
