import type { LiveAwsProblem } from "./comparison/live-facets.ts";
import { createFinding, type Finding } from "./finding.ts";

/** The finding when there is no answer. `unknown` is the question that stays open, as a clause: `whether it has drifted`. */
export function createUnreadFinding(
  about: Pick<Finding, "check" | "resource">,
  { kind, message, permissions }: LiveAwsProblem,
  { unknown }: { unknown: string },
): Finding {
  if (kind === "unsupported") {
    return createFinding(about, "unsupported", {
      meaning: message,
      mend: "nothing to mend here; check this on the server itself",
    });
  }
  return createFinding(about, "unreadable", {
    permissions,
    meaning: `${unknown} is not known: ${message}`,
    mend:
      kind === "denied"
        ? "run verify with the verify role of the template, or give these credentials the permissions named"
        : "check the network, the endpoint and the region, and run verify again",
  });
}
