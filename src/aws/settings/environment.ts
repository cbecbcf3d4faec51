import type { Configuration } from "../generate-configuration.ts";

/** What the service takes when it is told nothing (`config.ts`). */
const URL_SECONDS_DEFAULT = 900;

/**
 * What the service's own environment is to say for this bucket, by variable (see `config.ts`), as far as the bucket
 * decides it. Credentials are not among them: the service has its roles. URLs are to live no longer than the bucket takes
 * them, and not longer than the service's own default either.
 */
export function toEnvironment({ site, settings }: Configuration): Readonly<Record<string, string>> {
  return {
    SLUICE_S3_BUCKET: site.bucket,
    SLUICE_S3_REGION: site.region,
    SLUICE_S3_KEY_PREFIX: site.keyPrefix,
    SLUICE_S3_READ_ROLE_ARN: site.roleArn("read"),
    SLUICE_DOWNLOAD_URL_MAX_SECONDS: String(Math.min(settings.presign.ageSecondsMax, URL_SECONDS_DEFAULT)),
    AWS_REGION: site.region,
  };
}
