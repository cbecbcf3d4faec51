import { DomainError, invalidArgument } from "../errors.ts";

/** What keeps a file's bytes from being deleted and purged, whoever asks. */
export interface FileRetention {
  /** Keeps the file until the hold is lifted. */
  legalHold: boolean;
  /** Keeps the file until then; undefined for no such time. */
  retainUntilTime: Date | undefined;
}

/**
 * What keeps a file, by the names of a mask. A mask has to name them: "*" from a caller who does not know of them must not
 * lift a hold.
 */
export const RETENTION_FIELDS = {
  legal_hold: "legalHold",
  retain_until_time: "retainUntilTime",
} as const satisfies Record<string, keyof FileRetention>;

/** Longest retention, in years after the file was committed. */
export const RETAIN_YEARS_MAX = 100;

/**
 * What is to keep a file from now on. A hold may be set and lifted, a retention only be extended: `failed_precondition /
 * FILE_RETAINED` for less; `invalid_argument / ARGUMENT_INVALID` for a time before the commit or too long after it.
 */
export function parseFileRetention(
  wanted: FileRetention,
  file: FileRetention & { path: string; generation: number; createTime: Date },
): FileRetention {
  const { legalHold, retainUntilTime: until } = wanted;
  const { retainUntilTime: current, createTime } = file;
  if (until !== undefined) assertRetainUntil(until, createTime);
  if (current !== undefined && (until === undefined || until < current)) {
    const asked = until === undefined ? "taken away" : `shortened to ${until.toISOString()}`;
    throw fileRetained(file, `; a retention is extended, never ${asked}`);
  }
  return { legalHold, retainUntilTime: until };
}

/** `failed_precondition / FILE_RETAINED`; `remedy` goes on with the sentence. */
export function fileRetained(
  file: FileRetention & { path: string; generation: number },
  remedy = "; its bytes are neither deleted nor purged before that ends",
): DomainError {
  const { path, generation, legalHold, retainUntilTime } = file;
  const until = retainUntilTime?.toISOString() ?? "";
  const keepers = [...(legalHold ? ["a legal hold"] : []), ...(until === "" ? [] : [`a retention until ${until}`])];
  const message = `generation ${generation} of ${JSON.stringify(path)} is under ${keepers.join(" and ")}${remedy}`;
  return new DomainError("failed_precondition", message, {
    reason: "FILE_RETAINED",
    details: { path, generation, legal_hold: String(legalHold), ...(until !== "" && { retain_until_time: until }) },
  });
}

function assertRetainUntil(until: Date, createTime: Date): void {
  const latest = new Date(createTime);
  latest.setUTCFullYear(latest.getUTCFullYear() + RETAIN_YEARS_MAX);
  if (until >= createTime && until <= latest) return;
  const given = Number.isNaN(until.getTime()) ? "no time that there is" : until.toISOString();
  const message = `retain_until_time is ${given}; give one from ${createTime.toISOString()} to ${latest.toISOString()}`;
  throw invalidArgument("retain_until_time", message);
}
