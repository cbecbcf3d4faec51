import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findTool, TOOLS } from "../rigs/tools/find-tool.ts";

/** The folder of the chart. */
export const CHART = fileURLToPath(new URL("../../../deploy/helm/", import.meta.url));

const RELEASE = "sluice";
const TIMEOUT_MS = 60_000;
/** Helm says of each link in a chart that it follows it. */
const FOLLOWED_LINK = /^.*found symbolic link in path.*\n/gm;

/** Helm, on the chart of this repository. Values are as files of values hold them; later ones win. */
export interface Helm {
  /** What would be installed, as YAML; rejects with Helm's own words. */
  template(values: readonly object[]): Promise<string>;
  /** Helm's words about the chart, warnings as errors; rejects when there are any. */
  lint(values: readonly object[]): Promise<string>;
}

/** The pinned Helm, or a sentence that says what is missing or of another version. */
export async function findHelm(): Promise<Helm | string> {
  const found = await findTool(TOOLS.helm);
  if (typeof found === "string") return found;
  return {
    template: (values) => runHelm(found.program, ["template", RELEASE, CHART, "--namespace", RELEASE], values),
    lint: (values) => runHelm(found.program, ["lint", "--strict", CHART], values),
  };
}

async function runHelm(program: string, args: readonly string[], values: readonly object[]): Promise<string> {
  const given = values.flatMap((one) => ["--set-json", JSON.stringify(one)]);
  return await promisify(execFile)(program, [...args, ...given], { timeout: TIMEOUT_MS }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(stderr.replace(FOLLOWED_LINK, "") + (args[0] === "lint" ? stdout : ""));
    },
  );
}
