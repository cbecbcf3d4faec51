import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  ConfigurationFormat,
  type ConfigurationService,
  GenerateConfigurationResponseSchema,
} from "../../../gen/sluice/v1/configuration_service_pb.ts";
import { DomainError } from "../../domain/errors.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";

/** The functions that ConfigurationService calls. */
export interface ConfigurationFunctions {
  /** Rejects with `invalid_argument / CONFIGURATION_INVALID` and `resource_exhausted / OVERLOADED`. */
  generateConfiguration(
    request: {
      settings: string;
      services: readonly string[];
      allServices: boolean;
      minimal: boolean;
      format: Format;
    },
    options: CallOptions,
  ): Promise<{ content: string; explanation: string; environment: Readonly<Record<string, string>> }>;
}

type Format = "cloudformation" | "terraform-json" | "plain-policies";

const FORMATS: Readonly<Record<number, Format>> = {
  [ConfigurationFormat.UNSPECIFIED]: "cloudformation",
  [ConfigurationFormat.CLOUDFORMATION]: "cloudformation",
  [ConfigurationFormat.TERRAFORM_JSON]: "terraform-json",
  [ConfigurationFormat.PLAIN_POLICIES]: "plain-policies",
};

/** Most bytes of settings, in UTF-8. Longer settings are refused before a thread is started for them. */
const SETTINGS_BYTES_MAX = 64 * 1024;
const SERVICES_MAX = 100;
/** Most characters of the name of a service: no service has one of more than thirty. */
const SERVICE_LENGTH_MAX = 100;

/** ConfigurationService for Connect: protobuf in, protobuf out. */
export function createConfigurationService(
  functions: ConfigurationFunctions,
): ServiceImpl<typeof ConfigurationService> {
  return {
    generateConfiguration: async ({ settings, services, allServices, minimal, format }, context) => {
      const settingsBytes = Buffer.byteLength(settings);
      if (settingsBytes > SETTINGS_BYTES_MAX) {
        throw refuse("settings", `settings has ${settingsBytes} bytes; ${SETTINGS_BYTES_MAX} is the limit`);
      }
      if (services.length > SERVICES_MAX) {
        throw refuse("services", `services has ${services.length} names; ${SERVICES_MAX} is the limit`);
      }
      const long = services.find(({ length }) => length > SERVICE_LENGTH_MAX);
      if (long !== undefined) {
        const message = `a name in services has ${long.length} characters; ${SERVICE_LENGTH_MAX} is the limit`;
        throw refuse("services", message);
      }
      const chosen = FORMATS[format];
      if (chosen === undefined) throw refuse("format", `there is no format ${format}; 0 to 3 are known`);
      const request = { settings, services, allServices, minimal, format: chosen };
      const generated = await functions.generateConfiguration(request, toCallOptions(context));
      return create(GenerateConfigurationResponseSchema, { ...generated, environment: { ...generated.environment } });
    },
  };
}

function refuse(field: string, message: string): DomainError {
  return new DomainError("invalid_argument", message, { reason: "ARGUMENT_INVALID", field });
}
