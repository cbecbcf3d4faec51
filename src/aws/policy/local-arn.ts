import { SettingsProblem } from "../settings/settings-problem.ts";
import type { Site } from "../template/site.ts";

/**
 * Checks that the resource that a setting names is in the bucket's account and region: EventBridge rules and S3 notifications
 * reach no further. `regions` widens that to a choice of regions. Throws `SettingsProblem` with the setting's path.
 */
export function assertLocalArn(
  site: Site,
  arn: string,
  { path, regions = [site.region] }: { path: readonly string[]; regions?: readonly string[] },
): void {
  const [, partition, , region = "", account] = arn.split(":");
  const name = path.join(".");
  if (partition !== site.partition) {
    throw new SettingsProblem(`${name} lies in partition ${partition}, the bucket in ${site.partition}`, path);
  }
  if (account !== site.account) {
    throw new SettingsProblem(
      `${name} belongs to account ${account}; it must be of ${site.account}, the bucket's own`,
      path,
    );
  }
  if (!regions.includes(region)) {
    throw new SettingsProblem(`${name} lies in ${region}; it must be in ${regions.join(" or ")}`, path);
  }
}
