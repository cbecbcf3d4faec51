import { SERVICES } from "../services/services.ts";
import { findKeyProblems } from "../template/data-key.ts";
import type { Site } from "../template/site.ts";
import { findConsumerProblems } from "./consumers.ts";
import { findExistingProblems } from "./existing-problems.ts";
import { findMinimalProblems } from "./minimal.ts";
import { findNetworkProblems } from "./network.ts";
import { toSettingsProblems } from "./schema-problems.ts";
import { SETTINGS_SCHEMA, type Settings, toPartition } from "./settings.ts";
import { SettingsProblem } from "./settings-problem.ts";
import { findStatementProblems } from "./statement-problems.ts";
import { toSite } from "./to-site.ts";

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
  const { region, residency, partition, keyPrefix, externalPrefix } = settings;
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
  for (const one of residency.filter((other) => toPartition(other) !== partition)) {
    problems.push(
      new SettingsProblem(
        `residency names ${one}, which lies in partition ${toPartition(one)}, the bucket in ${partition}: data of one never comes into the other; take it out`,
        ["residency"],
      ),
    );
  }
  const site = toSite(settings);
  const { bucket, logBucket, anchorBucket } = site;
  if (new Set([bucket, logBucket, anchorBucket]).size < 3) {
    problems.push(new SettingsProblem("bucket, logBucket and anchorBucket must be three buckets", ["logBucket"]));
  }
  problems.push(...findKeyProblems(site, settings));
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
  problems.push(
    ...findServiceProblems(settings, site),
    ...findConsumerProblems(
      site,
      settings.consumers,
      SERVICES.map(({ name }) => name),
    ),
    ...findStatementProblems(site, settings.statements),
    ...(settings.consumers.length > 0 && settings.encryption !== "sse-s3" ? [KEYLESS_CONSUMERS] : []),
    ...findExistingProblems(site, settings.existing),
    ...findNetworkProblems(site, settings.network),
  );
  // A service is connected only with options that are without problems.
  return problems.length > 0 ? problems : findMinimalProblems(site, settings);
}

const KEYLESS_CONSUMERS = new SettingsProblem(
  "consumers of other accounts get no right on the KMS key, without which they can read nothing; leave out consumers or encryption",
  ["encryption"],
);

function findServiceProblems(settings: Settings, site: Site): SettingsProblem[] {
  const { services, partition } = settings;
  const problems = SERVICES.flatMap(({ name, title, partitions, findProblems }) => {
    const options = services[name];
    if (options === undefined) return [];
    const sentence = `${title} does not exist in partition ${partition}; switch ${name} off`;
    const isThere = partitions?.includes(partition) ?? true;
    return [
      ...(isThere ? [] : [new SettingsProblem(sentence, ["services", name])]),
      ...(findProblems?.(site, options) ?? []),
    ];
  });
  return [...problems, ...findRivals(settings)];
}

/** S3 refuses two kinds of direct notification for one event with overlapping filters, though the template lints. */
function findRivals({ services }: Settings): SettingsProblem[] {
  const names = Object.keys(services).filter((name) => services[name]?.delivery === "direct");
  if (names.length <= 1) return [];
  const sentence = `S3 notifies one service directly of a new file, not ${names.join(" and ")}; leave "delivery: direct" with one and let EventBridge notify the others`;
  return [new SettingsProblem(sentence, ["services", names[1] as string, "delivery"])];
}
