import { SERVICES } from "../services/services.ts";
import { createSite } from "../template/site.ts";
import { toSettingsProblems } from "./schema-problems.ts";
import { SETTINGS_SCHEMA, type Settings, toPartition } from "./settings.ts";
import { SettingsProblem } from "./settings-problem.ts";

/** Checks settings and fills in defaults. Throws an AggregateError with a `SettingsProblem` for each problem. */
export function parseSettings(input: unknown): Settings {
  const parsed = SETTINGS_SCHEMA.safeParse(input, { reportInput: true });
  if (!parsed.success) throw toProblems(toSettingsProblems(SETTINGS_SCHEMA, parsed.error.issues));
  const { services, residency = [parsed.data.region], ...plain } = parsed.data;
  const settings: Settings = {
    ...plain,
    residency: [...residency].sort(),
    partition: toPartition(plain.region),
    services: toOptions(services),
  };
  const problems = findContradictions(settings);
  if (problems.length > 0) throw toProblems(problems);
  return settings;
}

function toProblems(problems: readonly SettingsProblem[]): AggregateError {
  return new AggregateError(problems, problems.map(({ message }) => message).join("\n"));
}

/** Options with their defaults; `true` gives the defaults alone. */
function toOptions(switches: Record<string, unknown>): Settings["services"] {
  return Object.fromEntries(
    SERVICES.flatMap(({ name, options }) => {
      const said = switches[name];
      if (said === undefined || said === false) return [];
      return [[name, options.parse(said === true ? {} : said)]];
    }),
  );
}

function findContradictions(settings: Settings): SettingsProblem[] {
  const { region, residency, partition, keyPrefix, externalPrefix, services } = settings;
  const problems: SettingsProblem[] = [];
  if (!residency.includes(region)) {
    problems.push(
      new SettingsProblem(
        `region ${region} lies outside of the residency (${residency.join(", ")}); add it or choose one of these`,
        ["region"],
      ),
    );
  }
  if (keyPrefix.startsWith(externalPrefix) || externalPrefix.startsWith(keyPrefix)) {
    problems.push(
      new SettingsProblem(
        `externalPrefix ${externalPrefix} and keyPrefix ${keyPrefix} lie in one another; other writers must stay out of Sluice's keys`,
        ["externalPrefix"],
      ),
    );
  }
  const { bucket, logBucket, anchorBucket } = createSite(settings);
  if (new Set([bucket, logBucket, anchorBucket]).size < 3) {
    problems.push(new SettingsProblem("bucket, logBucket and anchorBucket must be three buckets", ["logBucket"]));
  }
  const [, ofPartition, , , ofAccount] = settings.permissionsBoundary?.split(":") ?? [];
  if (ofPartition !== undefined && ofPartition !== partition) {
    problems.push(
      new SettingsProblem(`permissionsBoundary lies in partition ${ofPartition}, the bucket in ${partition}`, [
        "permissionsBoundary",
      ]),
    );
  }
  if (ofAccount !== undefined && ![settings.account, "aws"].includes(ofAccount)) {
    problems.push(
      new SettingsProblem(
        `permissionsBoundary belongs to account ${ofAccount}; IAM takes a policy of ${settings.account}, the roles' own, or one of AWS`,
        ["permissionsBoundary"],
      ),
    );
  }
  for (const { name, title, partitions } of SERVICES) {
    if (services[name] === undefined || partitions === undefined || partitions.includes(partition)) continue;
    problems.push(
      new SettingsProblem(`${title} does not exist in partition ${partition}; switch ${name} off`, ["services", name]),
    );
  }
  return problems;
}
