import { SettingsProblem } from "../settings/settings-problem.ts";
import type { Site } from "../template/site.ts";

/**
 * What is wrong with an ARN that a setting names when it does not lie in the bucket's account and region: EventBridge rules
 * and S3 notifications reach no further. `regions` widens that to a choice of regions. Nothing is wrong with what is not named.
 */
export function findForeignArn(
  site: Site,
  arn: string | undefined,
  { path, regions = [site.region] }: { path: readonly string[]; regions?: readonly string[] },
): SettingsProblem[] {
  if (arn === undefined) return [];
  const [, partition, , region = "", account] = arn.split(":");
  const name = path.join(".");
  if (partition !== site.partition) {
    return [new SettingsProblem(`${name} lies in partition ${partition}, the bucket in ${site.partition}`, path)];
  }
  if (account !== site.account) {
    return [
      new SettingsProblem(
        `${name} belongs to account ${account}; it must be of ${site.account}, the bucket's own`,
        path,
      ),
    ];
  }
  if (!regions.includes(region)) {
    return [new SettingsProblem(`${name} lies in ${region}; it must be in ${regions.join(" or ")}`, path)];
  }
  return [];
}
