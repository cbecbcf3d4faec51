import type { Existing } from "../settings/existing.ts";
import { SettingsProblem } from "../settings/settings-problem.ts";
import type { Properties } from "./value.ts";

/** Properties that a bucket had before and keeps; each is left out when it had none. */
export function toExistingProperties({ lifecycleRules, corsRules, notifications }: Existing): Properties {
  const lists = Object.entries(notifications).filter(([, list]) => list.length > 0);
  return {
    ...(lifecycleRules.length > 0 && { LifecycleConfiguration: { Rules: lifecycleRules as unknown as Properties[] } }),
    ...(corsRules.length > 0 && { CorsConfiguration: { CorsRules: corsRules as unknown as Properties[] } }),
    ...(lists.length > 0 && { NotificationConfiguration: Object.fromEntries(lists) as unknown as Properties }),
  };
}

/**
 * What of the bucket's properties S3 would refuse or take once, though each of its parts is right: two rules with one id,
 * and two notifications of the same event whose filters overlap.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
 */
export function findPropertyConflicts(properties: Properties): SettingsProblem[] {
  const {
    LifecycleConfiguration = {},
    CorsConfiguration = {},
    NotificationConfiguration = {},
  } = properties as Record<string, Record<string, readonly Rule[]>>;
  const { LambdaConfigurations = [], QueueConfigurations = [], TopicConfigurations = [] } = NotificationConfiguration;
  return [
    ...findRepeatedIds(LifecycleConfiguration.Rules ?? [], "lifecycleRules"),
    ...findRepeatedIds(CorsConfiguration.CorsRules ?? [], "corsRules"),
    ...findOverlaps([...LambdaConfigurations, ...QueueConfigurations, ...TopicConfigurations]),
  ];
}

/** A lifecycle or CORS rule, or a notification. */
interface Rule {
  readonly Id?: string;
  readonly Event?: string;
  readonly Function?: string;
  readonly Queue?: string;
  readonly Topic?: string;
  readonly Filter?: {
    readonly S3Key: { readonly Rules: readonly { readonly Name: string; readonly Value: string }[] };
  };
}

function findRepeatedIds(rules: readonly Rule[], list: string): SettingsProblem[] {
  const ids = rules.flatMap(({ Id }) => Id ?? []);
  const repeated = new Set(ids.filter((id, at) => ids.indexOf(id) < at));
  return [...repeated].map(
    (id) =>
      new SettingsProblem(`existing.${list}: ${id} stands in the bucket twice, or is a rule of Sluice; take it out`, [
        "existing",
        list,
      ]),
  );
}

function findOverlaps(notifications: readonly Rule[]): SettingsProblem[] {
  return notifications.flatMap((one, at) =>
    notifications.slice(at + 1).flatMap((other) => {
      if (!overlap(one, other)) return [];
      const sentence = `existing.notifications: ${toWords(one)} and ${toWords(other)} overlap, and S3 tells one destination alone of an event; narrow the filter of one, or let EventBridge notify it`;
      return [new SettingsProblem(sentence, ["existing", "notifications"])];
    }),
  );
}

/** S3 compares events, prefixes and suffixes: two notifications overlap when all three do. */
function overlap(one: Rule, other: Rule): boolean {
  const [event, events] = [one.Event ?? "", other.Event ?? ""].map((name) => name.replace(/\*$/, "")) as [
    string,
    string,
  ];
  const [prefix, prefixes] = [filterOf(one, "prefix"), filterOf(other, "prefix")];
  const [suffix, suffixes] = [filterOf(one, "suffix"), filterOf(other, "suffix")];
  return (
    (event.startsWith(events) || events.startsWith(event)) &&
    (prefix.startsWith(prefixes) || prefixes.startsWith(prefix)) &&
    (suffix.endsWith(suffixes) || suffixes.endsWith(suffix))
  );
}

function filterOf({ Filter }: Rule, name: "prefix" | "suffix"): string {
  return Filter?.S3Key.Rules.find((rule) => rule.Name.toLowerCase() === name)?.Value ?? "";
}

function toWords(rule: Rule): string {
  const { Event, Function: called, Queue, Topic } = rule;
  return `${Event} of "${filterOf(rule, "prefix")}*${filterOf(rule, "suffix")}" to ${called ?? Queue ?? Topic}`;
}
