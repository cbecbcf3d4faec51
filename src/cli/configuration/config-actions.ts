import { readFile, writeFile } from "node:fs/promises";
import { configure } from "../../aws/configure.ts";
import type { Configuration } from "../../aws/generate-configuration.ts";
import { printVerification } from "../../aws/live/print-verification.ts";
import { createAccessAnalyzer } from "../../aws/live/reading/access-analyzer.ts";
import { createLiveAws } from "../../aws/live/reading/live-aws.ts";
import { validatePolicies } from "../../aws/live/validate-policies.ts";
import { verifyConfiguration } from "../../aws/live/verify-configuration.ts";
import { explainConfiguration } from "../../aws/print/explain.ts";
import { createExplanation } from "../../aws/print/explanation.ts";
import { createImport } from "../../aws/print/import-template.ts";
import { printConfiguration } from "../../aws/print/print-configuration.ts";
import { printServiceOptions } from "../../aws/print/print-options.ts";
import { printScenarios } from "../../aws/print/print-scenarios.ts";
import { listScenarios } from "../../aws/scenarios/list-scenarios.ts";
import { findService } from "../../aws/services/find-service.ts";
import { toEnvironment } from "../../aws/settings/environment.ts";
import { listServiceOptions } from "../../aws/settings/service-options.ts";
import { printSettingsExample } from "../../aws/settings/settings-example.ts";
import { DomainError } from "../../domain/errors.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";
import type { ConfigCommands, SettingsOptions } from "./config-command.ts";
import { importExisting } from "./config-import.ts";

const SETTINGS_FILE = "sluice.aws.yaml";

/** The actions of `sluice config …`. Only `verify` needs a network. */
export const CONFIG_COMMANDS: ConfigCommands = {
  init: async (terminal, options) => write(terminal, printSettingsExample(), options),
  generate: async (terminal, options) => {
    const configuration = await readConfiguration(options);
    if (options.import === undefined && options.resourcesToImport) {
      throw new UsageError("--resources-to-import lists what --import takes: say both");
    }
    const imported = options.import && createImport(configuration, options.import);
    if (imported !== undefined && options.resourcesToImport) {
      return await write(terminal, `${JSON.stringify(imported.list, undefined, 2)}\n`, options);
    }
    const chosen = { ...configuration, template: imported?.template ?? configuration.template };
    await write(terminal, printConfiguration(chosen, options.format), options);
  },
  import: async (terminal, options) => {
    const text = (await readSettings(options.config))?.text ?? "";
    const said = { configuration: await readConfiguration(options), text, values: valuesOf(options) };
    const settings = await refuseAsUsage(async () => await importExisting(terminal, said, options));
    await write(terminal, settings, options);
  },
  explain: async (terminal, name, options) => {
    if (name !== undefined) {
      const service = await refuseAsUsage(() => findService(name));
      if (options.json) printJson(terminal, { service: name, options: listServiceOptions(service) });
      else terminal.stdout.write(printServiceOptions(service));
      return;
    }
    const configuration = await readConfiguration(options);
    if (options.scenarios) {
      if (options.json) for (const group of listScenarios(configuration)) printJson(terminal, { ...group });
      else terminal.stdout.write(printScenarios(configuration));
    } else if (options.json) printJson(terminal, { ...createExplanation(configuration) });
    else terminal.stdout.write(explainConfiguration(configuration));
  },
  env: async (terminal, options) => {
    const variables = Object.entries(toEnvironment(await readConfiguration(options)));
    for (const [name, value] of variables) printLine(terminal, `${name}=${value}`);
  },
  verify: async (terminal, options) => {
    const configuration = await readConfiguration(options);
    const { region, account } = configuration.site;
    const { endpoint, iamEndpoint, cloudControlEndpoint, accessAnalyzerEndpoint } = options;
    const liveAws = createLiveAws({ region, account, endpoint, iamEndpoint, cloudControlEndpoint });
    const analyzer = createAccessAnalyzer({ region, endpoint, accessAnalyzerEndpoint });
    try {
      const findings = [
        ...(await verifyConfiguration(configuration, liveAws, terminal)),
        ...(await validatePolicies(configuration, analyzer, terminal)),
      ];
      if (options.json) for (const finding of findings) printJson(terminal, { type: "finding", ...finding });
      else terminal.stdout.write(printVerification(findings));
      // A flagged finding is deployed as it was generated: it is a remark to read, which would otherwise make every run fail.
      return !findings.some(({ status }) => status === "drift" || status === "unreadable");
    } finally {
      liveAws.close();
      analyzer.close();
    }
  },
};

/** Reads the configuration from the settings file and the flags. Throws a UsageError with a line for each problem. */
async function readConfiguration(options: SettingsOptions): Promise<Configuration> {
  const { config, services, all, minimal } = options;
  const values = valuesOf(options);
  const file = await readSettings(config);
  if (file === undefined && Object.keys(values).length === 0) {
    throw new UsageError(
      `there is no ${SETTINGS_FILE} here; make one with "sluice config init --output ${SETTINGS_FILE}", name one with --config, ` +
        "or give --bucket, --region and --account",
    );
  }
  return await refuseAsUsage(() =>
    configure({ file, values, all, minimal, ...(services !== undefined && { services }) }),
  );
}

/** Top-level settings that flags say. */
function valuesOf({ bucket, region, account, residency }: SettingsOptions): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries({ bucket, region, account, residency }).filter(([, value]) => value !== undefined),
  );
}

/** What was made; throws UsageError for what the caller must say differently. */
async function refuseAsUsage<T>(make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof DomainError && error.code === "invalid_argument") throw new UsageError(error.message);
    throw error;
  }
}

/** Reads the settings file that was named, or the usual one when it exists. */
async function readSettings(named: string | undefined): Promise<{ text: string; name: string } | undefined> {
  const name = named ?? SETTINGS_FILE;
  try {
    return { text: await readFile(name, "utf8"), name };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && named === undefined) return undefined;
    throw new UsageError(`${name} cannot be read: ${code === "ENOENT" ? "there is no such file" : code}`);
  }
}

/** Writes to standard output, or to a file that does not exist yet. */
async function write(
  terminal: Terminal,
  text: string,
  { output, force }: { output?: string; force: boolean },
): Promise<void> {
  if (output === undefined || output === "-") {
    terminal.stdout.write(text);
    return;
  }
  try {
    await writeFile(output, text, { flag: force ? "w" : "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new UsageError(`${output} is there already; --force overwrites it`);
    throw new UsageError(`${output} cannot be written: ${code}`);
  }
  printNote(terminal, `wrote ${output}`);
}
