import type { Connection } from "../services/aws-service.ts";
import { SERVICES } from "../services/services.ts";
import type { Site } from "../template/site.ts";
import { Leaf, type Value } from "../template/value.ts";
import { isFenced } from "./network.ts";
import type { Settings } from "./settings.ts";
import { SettingsProblem } from "./settings-problem.ts";

/** How a minimal file differs from the full one: its only comment, and a note of `config explain`. */
export const MINIMAL_DIFFERENCE =
  "A minimal file of `sluice config generate --minimal`: it leaves out the log bucket with the access logs, the audit anchors, Sluice's own roles (write, read, verify), and the reason of each resource and statement. If Sluice itself runs on the bucket, give it a role with its rights, or generate the full file without `minimal`.";

/** What of the settings needs something that a minimal file leaves out. */
export function findMinimalProblems(site: Site, settings: Settings): SettingsProblem[] {
  if (!settings.minimal) return [];
  const needless = (["logBucket", "anchorBucket"] as const).filter((name) => settings[name] !== undefined);
  const { network, consumers } = settings;
  return [
    ...(isFenced(network) || network.gatewayEndpoint !== undefined
      ? [new SettingsProblem("a minimal file has no network; leave out network or minimal", ["network"])]
      : []),
    ...(consumers.length > 0
      ? [new SettingsProblem("a minimal file has no consumers; leave out consumers or minimal", ["consumers"])]
      : []),
    ...(settings.eventBuses.length > 0
      ? [
          new SettingsProblem("a minimal file has no role that sends events; leave out eventBuses or minimal", [
            "eventBuses",
          ]),
        ]
      : []),
    ...[...needless, ...(settings.anchors === false ? [] : ["anchors"])].map(
      (name) =>
        new SettingsProblem(`a minimal file has one bucket, so that ${name} has no use; leave out ${name} or minimal`, [
          name,
        ]),
    ),
    ...SERVICES.flatMap(({ name, title, connect }) => {
      const options = settings.services[name];
      const missing = options === undefined ? undefined : findMissing(site, connect(site, options));
      if (missing === undefined) return [];
      const sentence = `${title} needs ${missing}, which a minimal file leaves out; leave out minimal, or switch ${name} off`;
      return [new SettingsProblem(sentence, ["services", name])];
    }),
  ];
}

/** What the service needs and the minimal file lacks, in words; undefined when it lacks nothing. */
function findMissing(site: Site, connection: Connection): string | undefined {
  const { resources = {}, bucketProperties = {}, bucketStatements = [], logBucketStatements = [] } = connection;
  if (logBucketStatements.length > 0) return "the log bucket";
  const all = Object.values(resources);
  const texts = [
    ...all.flatMap(({ properties, dependsOn = [] }) => [...listTexts(properties), ...dependsOn]),
    ...listTexts(bucketProperties),
    ...listTexts(bucketStatements as unknown as Value),
  ];
  const isOfLogs = (text: string) => text === site.logBucket || text.split("/")[0] === site.logBucketArn;
  if (texts.some(isOfLogs)) return "the log bucket";
  const ownRoles = ["write", "read"].map((purpose) => site.roleArn(purpose));
  return texts.some((text) => ownRoles.includes(text)) ? "Sluice's own roles" : undefined;
}

function listTexts(value: Value): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object") return [];
  return Object.values(value instanceof Leaf ? value.toJson() : value).flatMap((one) => listTexts(one as Value));
}
