import { generateConfiguration } from "../../aws/generate-configuration.ts";
import { printConfiguration } from "../../aws/print/print-configuration.ts";
import { parseSettings } from "../../aws/settings/parse-settings.ts";
import { GOLDEN_SETTINGS } from "./golden-settings.ts";

/** Where they are kept, from the top of the repository. */
export const GOLDEN_DIRECTORY = "src/aws/golden";

/** What the generator makes of the golden settings, by file name: a change of any of them is to be seen in review. */
export function createGoldenFiles(): Readonly<Record<string, string>> {
  const configurations = Object.entries(GOLDEN_SETTINGS).map(
    ([name, settings]) => [name, generateConfiguration(parseSettings(settings))] as const,
  );
  const templates = configurations.map(([name, one]) => [`${name}.yaml`, printConfiguration(one, "cloudformation")]);
  const terraform = configurations.map(([name, one]) => [`${name}.tf.json`, printConfiguration(one, "terraform-json")]);
  return Object.fromEntries([
    ...templates,
    ...terraform.filter(([name]) => ["analytics.tf.json", "minimal.tf.json"].includes(name as string)),
  ]);
}
