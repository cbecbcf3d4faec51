import { SettingsProblem } from "../settings/settings-problem.ts";
import type { Site } from "./site.ts";

/**
 * Checks that the bucket in a setting is none of the template's: logs, anchors, files and replicas each have a bucket to
 * themselves. Throws `SettingsProblem` with the setting's path; `what` begins its sentence: "outputs".
 */
export function assertBucketOfOthers(
  site: Site,
  bucket: string,
  { what, path }: { what: string; path: readonly string[] },
): void {
  const { logBucket, anchorBucket, replicaBucket } = site;
  if (![site.bucket, logBucket, anchorBucket, replicaBucket].includes(bucket)) return;
  throw new SettingsProblem(
    `${what} need a bucket of their own, and ${bucket} is used already; name another one`,
    path,
  );
}
