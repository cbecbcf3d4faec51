import type { Site } from "../template/site.ts";
import type { Existing } from "./existing.ts";
import { SettingsProblem } from "./settings-problem.ts";

type LifecycleRule = Existing["lifecycleRules"][number];

/** Days for which an upload may be unfinished: Sluice gives one up after six. */
const UPLOAD_DAYS_MIN = 7;
/** Storage classes from which a presigned URL cannot fetch a file. */
const ARCHIVES: ReadonlySet<string> = new Set(["GLACIER", "DEEP_ARCHIVE"]);

/** Rules of a bucket's own that would remove or archive Sluice's files, or take their uploads away: they cannot be kept. */
export function findExistingProblems(site: Site, { lifecycleRules }: Existing): SettingsProblem[] {
  return lifecycleRules.flatMap((rule, at) => {
    if (rule.Status !== "Enabled" || !isAbout(rule, site.keyPrefix)) return [];
    const path = ["existing", "lifecycleRules", at];
    return findHarm(rule, site.keyPrefix).map(
      (harm) =>
        new SettingsProblem(
          `${path.join(".")} (${rule.Id}): it ${harm}; limit it to another prefix before the bucket is imported, or leave it out`,
          path,
        ),
    );
  });
}

/** Sluice's files have no tags that a rule of others would name. */
function isAbout({ Prefix = "", TagFilters = [] }: LifecycleRule, keyPrefix: string): boolean {
  return TagFilters.length === 0 && (Prefix.startsWith(keyPrefix) || keyPrefix.startsWith(Prefix));
}

function findHarm(rule: LifecycleRule, keyPrefix: string): string[] {
  const { ExpirationInDays, ExpirationDate, Transitions = [], AbortIncompleteMultipartUpload: abort } = rule;
  const archive = Transitions.find(({ StorageClass }) => ARCHIVES.has(StorageClass));
  const abortDays = abort?.DaysAfterInitiation ?? UPLOAD_DAYS_MIN;
  return [
    ...(ExpirationInDays !== undefined || ExpirationDate !== undefined
      ? [`would delete files of Sluice, which are under ${keyPrefix}`]
      : []),
    ...(archive !== undefined
      ? [`would move files of Sluice to ${archive.StorageClass}, where a presigned URL cannot fetch them`]
      : []),
    ...(abortDays < UPLOAD_DAYS_MIN
      ? [`would abort uploads after ${abortDays} days, and Sluice keeps an upload for up to 6; 7 is the least`]
      : []),
  ];
}
