import { SERVICES } from "../services/services.ts";
import { listServiceOptions } from "./service-options.ts";
import { SETTINGS_SCHEMA } from "./settings.ts";

/** Settings that have no default and must be given. */
const REQUIRED: Readonly<Record<string, string>> = {
  bucket: "my-files",
  region: "eu-central-1",
  account: '"111122223333"',
};

/**
 * A `sluice.aws.yaml` to begin with: every setting with what it means, defaults commented out, every service switched
 * off with what it would get, its options commented out. It passes the schema as it is.
 */
export function printSettingsExample(): string {
  const lines = ["# Settings of `sluice config`. Lines that are commented out show the default.", ""];
  for (const [name, field] of Object.entries(SETTINGS_SCHEMA.shape)) {
    if (name === "services") continue;
    lines.push(`# ${field.description}`, toLine(name, field.safeParse(undefined)), "");
  }
  lines.push(
    "# AWS services to connect: true, or the options that stand below, with their defaults or examples.",
    "services:",
  );
  for (const service of SERVICES) {
    const { name, title, gets } = service;
    const options = listServiceOptions(service);
    lines.push(`  # ${title}: ${gets}.`, `  ${name}: false`);
    if (options.length > 0) lines.push(`  # ${name}:`);
    for (const { name: option, standard, example, description } of options) {
      const isExample = standard === undefined || standard === "[]";
      const value = isExample ? example : standard;
      lines.push(`  #   ${option}: ${value} # ${isExample ? "Example. " : ""}${description}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function toLine(name: string, parsed: { success: boolean; data?: unknown }): string {
  const required = REQUIRED[name];
  if (required !== undefined) return `${name}: ${required}`;
  // JSON is YAML: a default takes one line.
  const value = parsed.data === undefined ? "" : ` ${JSON.stringify(parsed.data)}`;
  return `# ${name}:${value}`;
}
