import type { z } from "zod";
import { findNearest } from "./nearest-name.ts";
import { SERVICES } from "./services.ts";
import { SETTINGS_SCHEMA, type Settings, toPartition } from "./settings.ts";
import { SettingsProblem } from "./settings-problem.ts";

/**
 * Checks settings and fills in defaults. Throws an AggregateError of `SettingsProblem`s, one for each thing that is
 * wrong, so that all are mended at once.
 */
export function parseSettings(input: unknown): Settings {
  const parsed = SETTINGS_SCHEMA.safeParse(input);
  if (!parsed.success) throw toProblems(parsed.error.issues.flatMap(toProblem));
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

/** Options with their defaults; `true` stands for none said. */
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
  const names = [settings.bucket, settings.logBucket, settings.anchorBucket].filter((name) => name !== undefined);
  if (new Set(names).size < names.length) {
    problems.push(new SettingsProblem("bucket, logBucket and anchorBucket must be three buckets", ["logBucket"]));
  }
  for (const { name, title, partitions } of SERVICES) {
    if (services[name] === undefined || partitions === undefined || partitions.includes(partition)) continue;
    problems.push(
      new SettingsProblem(`${title} does not exist in partition ${partition}; switch ${name} off`, ["services", name]),
    );
  }
  return problems;
}

/** The schema's finding as sentences; an unknown key gets the nearest known one. */
function toProblem(issue: z.core.$ZodIssue): SettingsProblem[] {
  const path = issue.path as (string | number)[];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => new SettingsProblem(toUnknownKey(key, path), [...path, key]));
  }
  if (issue.code === "invalid_union") {
    // Said as options, then what is wrong with them; otherwise the switch is no switch at all.
    const inner = issue.errors.find((branch) =>
      branch.some((one) => one.path.length > 0 || one.code === "unrecognized_keys"),
    );
    if (inner !== undefined)
      return inner.flatMap((one) => toProblem({ ...one, path: [...issue.path, ...one.path] } as z.core.$ZodIssue));
    return [new SettingsProblem(`${path.join(".")}: write true, false or its options`, path)];
  }
  const at = path.join(".");
  if (
    issue.code === "invalid_type" &&
    issue.input === undefined &&
    path.length === 1 &&
    issue.message.startsWith("Invalid input")
  ) {
    return [new SettingsProblem(`${at} is missing`, path)];
  }
  return [new SettingsProblem(`${at}: ${issue.message}`, path)];
}

function toUnknownKey(key: string, path: readonly (string | number)[]): string {
  const isService = path.length === 1 && path[0] === "services";
  const known = isService
    ? SERVICES.map(({ name }) => name)
    : path.length === 0
      ? Object.keys(SETTINGS_SCHEMA.shape)
      : [];
  const nearest = findNearest(key, known);
  const what = isService
    ? `there is no AWS service "${key}" to switch on`
    : `${[...path, key].join(".")} is no setting`;
  if (nearest !== undefined) return `${what}; did you mean "${nearest}"?`;
  return known.length > 0 ? `${what}; known: ${known.join(", ")}` : what;
}
