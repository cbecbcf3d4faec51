import type { Configuration } from "../generate-configuration.ts";

/** The service's own default (`config.ts`). */
const URL_SECONDS_DEFAULT = 900;

/**
 * The service's environment for this bucket, by variable (see `config.ts`): the variables that the bucket decides.
 * Credentials are not among them, because the service has its roles. URLs must not live longer than the bucket accepts them,
 * and not longer than the service's own default either.
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
