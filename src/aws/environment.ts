import type { Configuration } from "./generate-configuration.ts";

/**
 * What the service's own environment is to say for this bucket, by variable (see `config.ts`), as far as the bucket
 * decides it. Credentials are not among them: the service has its roles.
 */
export function toEnvironment({ site }: Configuration): Readonly<Record<string, string>> {
  return {
    SLUICE_S3_BUCKET: site.bucket,
    SLUICE_S3_REGION: site.region,
    SLUICE_S3_KEY_PREFIX: site.keyPrefix,
    AWS_REGION: site.region,
  };
}
