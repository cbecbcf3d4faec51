import { toReadable } from "./comparison/made-up-ids.ts";
import type { Plain } from "./comparison/plain.ts";

/** The result of one check of `sluice config verify`. */
export interface Finding {
  /** The subject of the check, in a few words: `encryption`, `policy statement DenyPlaintext`. */
  readonly check: string;
  /** The resource, such as `bucket my-files`, `role my-files-write`. */
  readonly resource: string;
  /**
   * `ok`: the live value is the configured one. `drift`: it is not. `flagged`: it is, but AWS objects to it, or there is
   * something beside it that a service which is switched on may have added. `unreadable`: these credentials may not read it,
   * or nothing answered. `unsupported`: the endpoint does not have such a thing.
   */
  readonly status: "ok" | "drift" | "flagged" | "unreadable" | "unsupported";
  /** The configured value; for a drift only the parts that differ, by path. Left out when no value is expected. */
  readonly expected?: Plain;
  /** The live value, in the same form. Left out when there is none. */
  readonly actual?: Plain;
  /**
   * The consequence of a drift for users of the files, AWS's objection, or the reason why the check says nothing. It is ""
   * when all is ok and AWS has no suggestion.
   */
  readonly meaning: string;
  /** The mend: a command or an action. It is "" in the same case. */
  readonly mend: string;
  /** For an unreadable value: the permissions that are missing. Left out when no permission is. */
  readonly permissions?: readonly string[];
}

/** Creates a finding. Undefined sides are left out. */
export function createFinding(
  about: Pick<Finding, "check" | "resource">,
  status: Finding["status"],
  text: {
    expected?: Plain | undefined;
    actual?: Plain | undefined;
    meaning?: string;
    mend?: string;
    permissions?: readonly string[];
  },
): Finding {
  const { expected, actual, meaning = "", mend = "", permissions = [] } = text;
  return {
    ...about,
    status,
    ...(expected !== undefined && { expected: toReadable(expected) }),
    ...(actual !== undefined && { actual }),
    meaning,
    mend,
    ...(permissions.length > 0 && { permissions }),
  };
}
