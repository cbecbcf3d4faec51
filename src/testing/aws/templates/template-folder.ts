import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateConfiguration } from "../../../aws/generate-configuration.ts";
import { printCloudFormation } from "../../../aws/print/print-cloudformation.ts";
import { parseSettings } from "../../../aws/settings/parse-settings.ts";

/** A temporary folder of templates, for programs that read files. */
export interface TemplateFolder {
  /** Writes the template of settings, as `config generate` prints it; resolves to its path, `{folder}/{name}.yaml`. */
  generate(name: string, settings: unknown): Promise<string>;
  /** Writes any template; resolves to its path. */
  write(name: string, yaml: string): Promise<string>;
  /** Removes it with everything in it. */
  remove(): Promise<void>;
}

/** Makes the folder. */
export async function createTemplateFolder(): Promise<TemplateFolder> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-templates-"));
  const write = async (name: string, yaml: string) => {
    const path = join(folder, `${name}.yaml`);
    await writeFile(path, yaml);
    return path;
  };
  return {
    write,
    generate: (name, settings) =>
      write(name, printCloudFormation(generateConfiguration(parseSettings(settings)).template)),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
