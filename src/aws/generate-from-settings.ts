import { configure } from "./configure.ts";
import { explainConfiguration } from "./print/explain.ts";
import { type Format, printConfiguration } from "./print/print-configuration.ts";
import { toEnvironment } from "./settings/environment.ts";

/** Settings in the form in which a caller of the API sends them. */
export interface GenerateRequest {
  /** `sluice.aws.yaml` as text. */
  readonly settings: string;
  readonly services: readonly string[];
  readonly allServices: boolean;
  /** Makes a minimal file, whatever the settings say. */
  readonly minimal: boolean;
  readonly format: Format;
}

/** A configuration, its explanation, and the service's environment for it. */
export interface GeneratedConfiguration {
  readonly content: string;
  readonly explanation: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Generates a configuration. Throws the errors of `configure`. */
export function generateFromSettings(request: GenerateRequest): GeneratedConfiguration {
  const { settings, services, allServices, minimal, format } = request;
  const file = { text: settings, name: "settings" };
  const configuration = configure({ file, services, all: allServices, minimal });
  return {
    content: printConfiguration(configuration, format),
    explanation: explainConfiguration(configuration),
    environment: toEnvironment(configuration),
  };
}
