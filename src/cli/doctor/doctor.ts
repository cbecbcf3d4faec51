import { ConfigError, parseConfig } from "../../config/config.ts";
import { findUnknownVariables } from "../../config/config-names.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { checkClocks } from "./check-clocks.ts";
import { checkDatabase } from "./check-database.ts";
import { checkHost } from "./check-host.ts";
import { checkStorage } from "./check-storage.ts";
import { type Finding, printFindings, problem, well } from "./finding.ts";

/**
 * `sluice doctor`: checks everything that the service needs. It prints one line for each check, and for each problem a mend.
 * It changes nothing, except for probe objects that it writes and deletes. Resolves to whether all is well. When the
 * configuration cannot be read, that is the only finding.
 */
export async function runDoctor(terminal: Terminal, options: { json: boolean }): Promise<boolean> {
  return printFindings(terminal, await examine(terminal.env), options);
}

async function examine(env: Terminal["env"]): Promise<Finding[]> {
  const unknown = findUnknownVariables(env).map((sentence) =>
    problem("configuration", sentence, "correct its name, or take it out of the environment"),
  );
  try {
    const config = parseConfig(env);
    const checks = await Promise.all([
      checkHost(config),
      checkDatabase(config),
      checkStorage(config),
      checkClocks(config),
    ]);
    return [well("configuration", "complete and consistent"), ...unknown, ...checks.flat()];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const wrong = error.problems.map((sentence) =>
      problem("configuration", sentence, "correct the environment; docs/configuration.md lists its variables"),
    );
    return [...wrong, ...unknown];
  }
}
