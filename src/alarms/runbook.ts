import type { AlarmName } from "./alarms.ts";

/** Where it stands what an alarm means and what to do, from the top of the repository. */
export const RUNBOOK = "docs/runbook.md";

/** The section of the runbook about an alarm. */
export function runbookOf(name: AlarmName): string {
  return `${RUNBOOK}#${name}`;
}
