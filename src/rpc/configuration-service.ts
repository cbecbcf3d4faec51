import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  ConfigurationFormat,
  type ConfigurationService,
  GenerateConfigurationResponseSchema,
} from "../../gen/sluice/v1/configuration_service_pb.ts";
import { DomainError } from "../domain/errors.ts";

/** What ConfigurationService calls. */
export interface ConfigurationFunctions {
  /** Rejects with `invalid_argument / CONFIGURATION_INVALID`. */
  generateConfiguration(request: {
    settings: string;
    services: readonly string[];
    allServices: boolean;
    format: Format;
  }): Promise<{ content: string; explanation: string; environment: Readonly<Record<string, string>> }>;
}

type Format = "cloudformation" | "terraform-json" | "plain-policies";

const FORMATS: Readonly<Record<number, Format>> = {
  [ConfigurationFormat.UNSPECIFIED]: "cloudformation",
  [ConfigurationFormat.CLOUDFORMATION]: "cloudformation",
  [ConfigurationFormat.TERRAFORM_JSON]: "terraform-json",
  [ConfigurationFormat.PLAIN_POLICIES]: "plain-policies",
};

const SERVICES_MAX = 100;

/** ConfigurationService for Connect: protobuf in, protobuf out. */
export function createConfigurationService(
  functions: ConfigurationFunctions,
): ServiceImpl<typeof ConfigurationService> {
  return {
    generateConfiguration: async ({ settings, services, allServices, format }) => {
      if (services.length > SERVICES_MAX) {
        throw refuse("services", `services has ${services.length} names; ${SERVICES_MAX} is the limit`);
      }
      const chosen = FORMATS[format];
      if (chosen === undefined) throw refuse("format", `there is no format ${format}; 0 to 3 are known`);
      const generated = await functions.generateConfiguration({ settings, services, allServices, format: chosen });
      return create(GenerateConfigurationResponseSchema, { ...generated, environment: { ...generated.environment } });
    },
  };
}

function refuse(field: string, message: string): DomainError {
  return new DomainError("invalid_argument", message, { reason: "ARGUMENT_INVALID", field });
}
