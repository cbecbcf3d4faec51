import type { Configuration } from "../generate-configuration.ts";

/** The service's own default (`config.ts`). */
const URL_SECONDS_DEFAULT = 900;
const PART_URL_SECONDS_DEFAULT = 3600;

/**
 * What the service's own environment is to say for this bucket, by variable (see `config.ts`), as far as the bucket
 * decides it. Credentials are not among them: the service has its roles. URLs, of downloads and of parts, are to live no
 * longer than the bucket takes them, and not longer than the service's own defaults either.
 */
export function toEnvironment({ site, settings }: Configuration): Readonly<Record<string, string>> {
  return {
    SLUICE_S3_BUCKET: site.bucket,
    SLUICE_S3_REGION: site.region,
    SLUICE_S3_KEY_PREFIX: site.keyPrefix,
    ...(!settings.minimal && { SLUICE_S3_READ_ROLE_ARN: site.roleArn("read") }),
    // Without it the service asks for SSE-S3, which a bucket under a key refuses.
    ...(site.keyArn !== undefined && { SLUICE_S3_ENCRYPTION: "bucket" }),
    SLUICE_DOWNLOAD_URL_MAX_SECONDS: String(Math.min(settings.presign.ageSecondsMax, URL_SECONDS_DEFAULT)),
    SLUICE_PART_URL_MAX_SECONDS: String(Math.min(settings.presign.ageSecondsMax, PART_URL_SECONDS_DEFAULT)),
    ...(settings.eventBuses.length > 0 && { SLUICE_EVENT_BUSES: settings.eventBuses.join(",") }),
    AWS_REGION: site.region,
  };
}
