import { SettingsProblem } from "../settings/settings-problem.ts";
import type { Site } from "./site.ts";

/**
 * What is wrong with a bucket that a setting names when it is in use: logs, anchors, files and replicas each have one to
 * themselves. `what` begins the sentence: "outputs".
 */
export function findUsedBucket(
  site: Site,
  bucket: string,
  { what, path }: { what: string; path: readonly string[] },
): SettingsProblem[] {
  const { logBucket, anchorBucket, replicaBucket } = site;
  if (![site.bucket, logBucket, anchorBucket, replicaBucket].includes(bucket)) return [];
  const sentence = `${what} need a bucket of their own, and ${bucket} is used already; name another one`;
  return [new SettingsProblem(sentence, path)];
}
