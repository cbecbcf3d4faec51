import { SERVICES } from "../services/services.ts";
import { SETTINGS_SCHEMA } from "./settings.ts";

/** What is not a default but must be said. */
const REQUIRED: Readonly<Record<string, string>> = {
  bucket: "my-files",
  region: "eu-central-1",
  account: '"111122223333"',
};

/**
 * A `sluice.aws.yaml` to begin with: every setting with what it means, defaults commented out, every service switched
 * off with what it would get. It passes the schema as it is.
 */
export function printSettingsExample(): string {
  const lines = ["# Settings of `sluice config`. What is commented out shows the default.", ""];
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
  // JSON is YAML: a default stands in one line.
  const value = parsed.data === undefined ? "" : ` ${JSON.stringify(parsed.data)}`;
  return `# ${name}:${value}`;
}
