import { toSetValue } from "./config-values.ts";

/** Reads the variables of the command-line client. */
export function parseClientEnvironment(environment: Readonly<Record<string, string | undefined>>): {
  url: string | undefined;
  token: string | undefined;
  tokenFile: string | undefined;
  /** How tokens are made; the service's own SLUICE_AUTH may list several ways. */
  auth: string | undefined;
  /** For which service, and where, callers of AWS sign. */
  iam: { serverId: string | undefined; region: string | undefined; endpoint: string | undefined };
} {
  return {
    url: toSetValue(environment.SLUICE_URL),
    token: toSetValue(environment.SLUICE_TOKEN),
    tokenFile: toSetValue(environment.SLUICE_TOKEN_FILE),
    auth: toSetValue(environment.SLUICE_AUTH),
    iam: {
      serverId: toSetValue(environment.SLUICE_IAM_SERVER_ID),
      region: toSetValue(environment.AWS_REGION) ?? toSetValue(environment.AWS_DEFAULT_REGION),
      endpoint: toSetValue(environment.AWS_ENDPOINT_URL_STS),
    },
  };
}
