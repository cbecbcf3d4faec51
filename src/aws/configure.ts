import { DomainError } from "../domain/errors.ts";
import { type Configuration, generateConfiguration } from "./generate-configuration.ts";
import { SERVICES } from "./services/services.ts";
import { parseSettings } from "./settings/parse-settings.ts";
import { toPartition } from "./settings/settings.ts";
import { readSettingsFile, type SettingsFile } from "./settings/settings-file.ts";
import { SettingsProblem } from "./settings/settings-problem.ts";

/** The source of settings: a text, values that replace parts of it, or both. */
export interface SettingsSource {
  /** `sluice.aws.yaml` as text, and the name that stands before line and column in messages. */
  readonly file?: { readonly text: string; readonly name: string } | undefined;
  /** Top-level settings that replace the file's. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** Names of services to switch on beside the file's; none together with `all`. */
  readonly services?: readonly string[];
  /** True makes a minimal file, whatever the settings say; refused together with every service. */
  readonly minimal?: boolean;
  /** True switches on every service that the partition has and that the file does not switch off. */
  readonly all?: boolean;
}

const MINIMAL_OF_ALL =
  'a minimal file of all services is asked for, and it is for those that you name; leave out "all", or minimal for the full file';

/** Most problems that are reported: each is looked up in the text, and nobody mends more at once. */
const PROBLEMS_SHOWN_MAX = 100;

/**
 * Generates the configuration that the source asks for. The command line and the API both call this function. Throws
 * `invalid_argument / CONFIGURATION_INVALID` with one sentence a line for each problem, the first 100, with its line and
 * column in the text.
 */
export function configure(source: SettingsSource): Configuration {
  const { file, values = {}, services = [], all = false, minimal = false } = source;
  let read: SettingsFile | undefined;
  try {
    if (all && services.length > 0) throw contradiction(services);
    read = file === undefined ? undefined : readSettingsFile(file.text, file.name);
    const said = { ...(read?.value as Record<string, unknown> | undefined), ...values, ...(minimal && { minimal }) };
    if (all && said.minimal === true) throw new SettingsProblem(MINIMAL_OF_ALL, ["minimal"]);
    const input = services.length === 0 && !all ? said : { ...said, services: switchOn(said, services, all) };
    return generateConfiguration(parseSettings(input));
  } catch (error) {
    const problems = toProblems(error);
    const sentences = problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => {
      const isSaid = Object.hasOwn(values, String(problem.path[0])) || (minimal && problem.path[0] === "minimal");
      const isOfFile = read !== undefined && !isSaid;
      return (isOfFile ? (read as SettingsFile).locate(problem) : problem).message;
    });
    const unsaid = problems.length - sentences.length;
    if (unsaid > 0) sentences.push(`and ${unsaid} more`);
    throw new DomainError("invalid_argument", sentences.join("\n"), {
      reason: "CONFIGURATION_INVALID",
      field: "settings",
    });
  }
}

/** Every service has no need of names, and some services no need of "all": whoever says both means one of them. */
function contradiction(services: readonly string[]): SettingsProblem {
  return new SettingsProblem(
    `all services and ${services.join(", ")} are asked for; leave out "all" for these alone, or the names for all`,
    ["services"],
  );
}

/** The settings' problems that were thrown, one or several; anything else is a mistake of ours and goes on as it is. */
function toProblems(error: unknown): SettingsProblem[] {
  if (error instanceof SettingsProblem) return [error];
  if (error instanceof AggregateError) return error.errors;
  throw error;
}

/** The switches with the named services switched on. Options or `false` for a service in the file win over `all`. */
function switchOn(said: Readonly<Record<string, unknown>>, names: readonly string[], all: boolean): unknown {
  const before = (said.services ?? {}) as Record<string, unknown>;
  if (typeof before !== "object") return before;
  const partition = toPartition(String(said.region));
  const everywhere = SERVICES.filter(({ partitions }) => partitions?.includes(partition) ?? true).map(
    ({ name }) => name,
  );
  const named = Object.fromEntries(names.map((name) => [name, (Object.hasOwn(before, name) && before[name]) || true]));
  return { ...(all && Object.fromEntries(everywhere.map((name) => [name, true]))), ...before, ...named };
}
