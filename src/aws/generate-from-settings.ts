import { configure } from "./configure.ts";
import { toEnvironment } from "./environment.ts";
import { explainConfiguration } from "./explain.ts";
import { type Format, printConfiguration } from "./print-configuration.ts";

/** Settings as a caller of the API sends them. */
export interface GenerateRequest {
  /** `sluice.aws.yaml` as text. */
  readonly settings: string;
  readonly services: readonly string[];
  readonly allServices: boolean;
  readonly format: Format;
}

/** A configuration, what it means, and what the service's environment is to say. Throws as `configure` does. */
export function generateFromSettings({ settings, services, allServices, format }: GenerateRequest): {
  content: string;
  explanation: string;
  environment: Readonly<Record<string, string>>;
} {
  const file = { text: settings, name: "settings" };
  const configuration = configure({ file, services, all: allServices });
  return {
    content: printConfiguration(configuration, format),
    explanation: explainConfiguration(configuration),
    environment: toEnvironment(configuration),
  };
}
