/** What one check of `sluice doctor` found. */
export interface Finding {
  /** What was looked at, in a word or two. */
  check: string;
  isOk: boolean;
  /** A sentence; for a problem, what is wrong. */
  message: string;
  /** What would mend the problem. */
  mend?: string;
}

/** A check that went well. */
export function well(check: string, message: string): Finding {
  return { check, isOk: true, message };
}

/** A problem and what mends it. */
export function problem(check: string, message: string, mend: string): Finding {
  return { check, isOk: false, message, mend };
}

/** Name of an error for a table: the first `code` (of Node, pg or libuv) in its chain of causes, else its name. */
export function findErrorCode(error: unknown): string {
  let name = "";
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const { code, errors } = at as { code?: unknown; errors?: readonly unknown[] };
    // Errors of our own border carry a code of ours: what lies beneath says more.
    if (typeof code === "string" && at.name !== "DomainError") return code;
    if (errors?.[0] !== undefined) return findErrorCode(errors[0]);
    name = at.name;
  }
  return name;
}
