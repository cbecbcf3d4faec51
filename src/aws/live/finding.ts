import { toReadable } from "./made-up-ids.ts";
import type { Plain } from "./plain.ts";

/** What one check of `sluice config verify` found. */
export interface Finding {
  /** What was looked at, in a few words: `encryption`, `policy statement DenyPlaintext`. */
  readonly check: string;
  /** `bucket my-files`, `role my-files-write`. */
  readonly resource: string;
  /**
   * `ok`: as the configuration says. `drift`: otherwise. `flagged`: as it says, but AWS finds fault with what it says,
   * or there is something beside it that a service which is switched on may have added.
   * `unreadable`: these credentials may not see it, or nothing answered. `unsupported`: the endpoint does not have such
   * a thing.
   */
  readonly status: "ok" | "drift" | "flagged" | "unreadable" | "unsupported";
  /** What the configuration says; of a drift only the parts that differ, by path. Left out where nothing is expected. */
  readonly expected?: Plain;
  /** What is there, likewise. Left out where nothing is. */
  readonly actual?: Plain;
  /**
   * What a drift means for whoever uses the files, AWS's objection, or why nothing can be said; "" when it is ok and
   * nobody has a suggestion.
   */
  readonly meaning: string;
  /** What to run or do; "" likewise. */
  readonly mend: string;
}

/** Brings what has drifted back to the template, which deploying an unchanged template does not. */
export const REVERT_DRIFT =
  "aws cloudformation create-change-set --stack-name STACK --change-set-name revert-drift --deployment-mode REVERT_DRIFT " +
  "--use-previous-template --capabilities CAPABILITY_NAMED_IAM, look at it, then aws cloudformation execute-change-set " +
  "--stack-name STACK --change-set-name revert-drift";

/** What a finding says beside its check and resource. Undefined sides are left out. */
export function createFinding(
  about: Pick<Finding, "check" | "resource">,
  status: Finding["status"],
  text: { expected?: Plain | undefined; actual?: Plain | undefined; meaning?: string; mend?: string },
): Finding {
  const { expected, actual, meaning = "", mend = "" } = text;
  return {
    ...about,
    status,
    ...(expected !== undefined && { expected: toReadable(expected) }),
    ...(actual !== undefined && { actual }),
    meaning,
    mend,
  };
}
