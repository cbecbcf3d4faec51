import { SluiceError } from "../../client/sluice-error.ts";
import { DomainError } from "../../domain/errors.ts";

/** Exit codes of commands. 75 is `EX_TEMPFAIL` of BSD's sysexits: the same command may succeed later. */
export const EXIT = { done: 0, failed: 1, usage: 2, tryLater: 75 } as const;

/** The command line makes no sense. The message says which would. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Exit code for the error of a command. */
export function toExitCode(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  // `serve` and `migrate` run in this process and throw the service's own errors.
  if (error instanceof DomainError) return error.code === "unavailable" ? EXIT.tryLater : EXIT.failed;
  if (!(error instanceof SluiceError) || error.reason === "TLS_UNTRUSTED") return EXIT.failed;
  // Nothing that a later try would change: somebody has to make room.
  if (error.reason === "QUOTA_STORAGE") return EXIT.failed;
  return error.code === "unavailable" || error.code === "resource_exhausted" ? EXIT.tryLater : EXIT.failed;
}

/** An error as an object for --json. */
export function toErrorJson(error: unknown): Record<string, unknown> {
  const exitCode = toExitCode(error);
  const message = toSentence(error);
  if (!(error instanceof SluiceError)) {
    return { type: "error", code: exitCode === EXIT.usage ? "invalid_argument" : "internal", message, exitCode };
  }
  const { code, reason, details, retryAfterMs } = error;
  return {
    type: "error",
    code,
    reason,
    message,
    details,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    exitCode,
  };
}

/** An error in one line, with a hint for the user when there is one. */
export function toSentence(error: unknown): string {
  if (!(error instanceof SluiceError)) return error instanceof Error ? error.message : String(error);
  const message = toOwnWords(error.message);
  const advice = ADVICE.get(error.reason);
  return advice === undefined ? message : `${message} (${advice})`;
}

/** The service's sentence, with the names of this command line in place of those of the API. Quoted text of the user stays. */
function toOwnWords(message: string): string {
  const pieces = message.split(/("(?:[^"\\]|\\.)*"?)/s);
  const toOwn = (piece: string) => piece.replaceAll(/\w+/g, (word) => OWN_WORDS.get(word) ?? word);
  return pieces.map((piece, at) => (at % 2 === 1 ? piece : toOwn(piece))).join("");
}

const OWN_WORDS: ReadonlyMap<string, string> = new Map([
  ["order_by", "--order"],
  ["delimiter", "--folders"],
  ["ListFiles", "`sluice ls`"],
  ["UpdateFile", "`sluice hold`"],
  ["content_type", "--content-type"],
  ["download_name", "--name"],
  ["max_uses", "--max-uses"],
  ["if_generation_match", "--if-generation-match"],
  ["target_path", "the target"],
]);

const ADVICE: ReadonlyMap<string, string> = new Map([
  ["CONNECTION_LOST", "is the service running at SLUICE_URL? `npm start` runs one on this machine"],
  ["TOKEN_INVALID", "set SLUICE_TOKEN; `npm start` prints the token of its service"],
  ["TOKEN_EXPIRED", "run `sluice login`, or replace the token in SLUICE_TOKEN or SLUICE_TOKEN_FILE"],
  ["TOKEN_MISSING", "set SLUICE_TOKEN; `npm start` prints the token of its service"],
  ["TLS_UNTRUSTED", "name a private authority's certificate with --ca"],
  ["WRITER_FENCED", "another process continued this upload"],
]);
