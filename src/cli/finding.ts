/** The result of one check of `sluice doctor`. */
export interface Finding {
  /** The subject of the check, in a word or two. */
  check: string;
  isOk: boolean;
  /** A sentence; if there is a problem, it names the problem. */
  message: string;
  /** A sentence that says how to mend the problem. */
  mend?: string;
}

/** The finding of a check that went well. */
export function well(check: string, message: string): Finding {
  return { check, isOk: true, message };
}

/** A problem and its mend. */
export function problem(check: string, message: string, mend: string): Finding {
  return { check, isOk: false, message, mend };
}

/** Name of an error for a table: the first `code` (of Node, pg or libuv) in its chain of causes, else the error's name. */
export function findErrorCode(error: unknown): string {
  let name = "";
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const { code, errors } = at as { code?: unknown; errors?: readonly unknown[] };
    // A DomainError has a code of our own; its cause says more.
    if (typeof code === "string" && at.name !== "DomainError") return code;
    if (errors?.[0] !== undefined) return findErrorCode(errors[0]);
    name = at.name;
  }
  return name;
}
