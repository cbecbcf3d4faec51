import { findNearest } from "../domain/nearest-name.ts";
import { ENVIRONMENT } from "./config-environment.ts";

/** Variables that the command-line client reads. */
const CLIENT_NAMES = ["SLUICE_URL", "SLUICE_TOKEN", "SLUICE_TOKEN_FILE"];
const PREFIX = "SLUICE_";
/** The names without their prefix, which would make any two names similar. */
const KNOWN = [...Object.keys(ENVIRONMENT), ...CLIENT_NAMES]
  .filter((name) => name.startsWith(PREFIX))
  .map((name) => name.slice(PREFIX.length));

/** Variables that Kubernetes sets in every pod beside a Service named "sluice", or "sluice-…". */
const OF_KUBERNETES = /_(?:SERVICE_HOST|SERVICE_PORT|PORT_\d{1,5}_(?:TCP|UDP|SCTP))(?:_|$)/;
const ADDRESS_OF_KUBERNETES = /^(?:tcp|udp|sctp):\/\//;

/**
 * Finds variables that look like the service's but that nothing reads. Each gets one sentence, with the name that was most likely
 * meant. They are no error: an older version must be able to start with the environment of a newer one. Values are not quoted.
 */
export function findUnknownVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) => {
    const own = name.slice(PREFIX.length);
    if (!name.startsWith(PREFIX) || KNOWN.includes(own)) return [];
    if (OF_KUBERNETES.test(name) || ADDRESS_OF_KUBERNETES.test(value ?? "")) return [];
    const nearest = findNearest(own, KNOWN);
    const advice =
      nearest === undefined ? "docs/configuration.md lists those that are" : `did you mean ${PREFIX}${nearest}?`;
    return [`${name} is no variable of Sluice and changes nothing; ${advice}`];
  });
}
