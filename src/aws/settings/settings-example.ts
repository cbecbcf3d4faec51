import { SERVICES } from "../services/services.ts";
import { SETTINGS_SCHEMA } from "./settings.ts";

/** Settings that have no default and must be given. */
const REQUIRED: Readonly<Record<string, string>> = {
  bucket: "my-files",
  region: "eu-central-1",
  account: '"111122223333"',
};

/**
 * A `sluice.aws.yaml` to begin with. It has every setting with its meaning, defaults commented out, and every service
 * switched off with a description of its access. It passes the schema as it is.
 */
export function printSettingsExample(): string {
  const lines = ["# Settings of `sluice config`. Lines that are commented out show the default.", ""];
  for (const [name, field] of Object.entries(SETTINGS_SCHEMA.shape)) {
    if (name === "services") continue;
    lines.push(`# ${field.description}`, toLine(name, field.safeParse(undefined)), "");
  }
  lines.push("# AWS services to connect: true, or its options. docs/aws.md says what each service gets.", "services:");
  for (const { name, title, gets } of SERVICES) lines.push(`  # ${title}: ${gets}.`, `  ${name}: false`);
  return `${lines.join("\n")}\n`;
}

function toLine(name: string, parsed: { success: boolean; data?: unknown }): string {
  const required = REQUIRED[name];
  if (required !== undefined) return `${name}: ${required}`;
  // JSON is YAML: a default takes one line.
  const value = parsed.data === undefined ? "" : ` ${JSON.stringify(parsed.data)}`;
  return `# ${name}:${value}`;
}
