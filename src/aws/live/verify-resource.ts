import type { Configuration } from "../generate-configuration.ts";
import { checkResource, findMissingResource } from "./check-resource.ts";
import type { ExpectedResource } from "./expected/expected-resource.ts";
import type { FindResource } from "./find-resource.ts";
import type { Finding } from "./finding.ts";
import { createUnreadFinding } from "./unread-finding.ts";

/** Finds the resource and compares it: see `checkResource`. One that is not read gives a single finding. */
export async function verifyResource(
  { site }: Pick<Configuration, "site">,
  resource: ExpectedResource,
  find: FindResource,
): Promise<Finding[]> {
  const reading = await find(resource);
  if ("value" in reading) return checkResource(site, resource, reading.value);
  if (reading.problem.kind === "missing") return [findMissingResource(resource)];
  const about = { check: "properties", resource: resource.label };
  return [createUnreadFinding(about, reading.problem, { unknown: "whether it has drifted" })];
}
