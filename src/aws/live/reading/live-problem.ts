import { LiveAwsProblem } from "../comparison/live-facets.ts";

/** Errors that say that the caller is not known. Every further request would get the same error. */
const CREDENTIAL_ERRORS: ReadonlySet<string> = new Set([
  ...["CredentialsProviderError", "TokenProviderError", "InvalidAccessKeyId", "SignatureDoesNotMatch"],
  ...["InvalidClientTokenId", "UnrecognizedClientException", "ExpiredToken", "ExpiredTokenException", "InvalidToken"],
]);
const MISSING_ERRORS: ReadonlySet<string> = new Set([
  ...["NoSuchBucket", "NoSuchEntity", "NoSuchEntityException", "ResourceNotFoundException"],
]);
const REDIRECT_ERRORS: ReadonlySet<string> = new Set([
  ...["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"],
]);
const UNSUPPORTED_ERRORS: ReadonlySet<string> = new Set([
  ...["NotImplemented", "MethodNotAllowed", "XNotImplemented"],
  // Cloud Control's, where a partition or region does not have the type, or cannot read it.
  ...["TypeNotFoundException", "UnsupportedActionException"],
]);
/** Refusals whose status is 400. */
const DENIED_ERRORS: ReadonlySet<string> = new Set(["AccessDenied", "AccessDeniedException"]);
/**
 * The action that IAM refuses. Cloud Control passes on the refusals of the services that it asks under one name for all
 * errors, so that this text alone tells them apart. Source:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 */
const REFUSED_ACTION = /not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9]+)/i;

/** The fields of the SDK's errors that are used here. */
interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/**
 * Translates the SDK's error into the port's terms. `permissions` are those that the request takes, and `where` follows
 * them in the sentence. The translation goes by names and status codes, as they are listed in
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and
 * https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_GetResource.html
 */
export function toLiveAwsProblem(
  error: unknown,
  what: string,
  { permissions, where }: { permissions: readonly string[]; where: string },
): LiveAwsProblem {
  if (error instanceof LiveAwsProblem) return error;
  const { name, message, $metadata, $response } = (
    error instanceof Error ? error : new Error(String(error))
  ) as SdkError;
  const status = $metadata?.httpStatusCode;
  const region = $response?.headers?.["x-amz-bucket-region"];
  const cause = { cause: error };
  if (CREDENTIAL_ERRORS.has(name)) return new LiveAwsProblem("credentials", toCredentialSentence(name), cause);
  if (REDIRECT_ERRORS.has(name) || status === 301 || status === 307) {
    return new LiveAwsProblem("elsewhere", `${what} lies in ${region ?? "another region"}`, { cause: error, region });
  }
  if (UNSUPPORTED_ERRORS.has(name) || status === 501 || status === 405) {
    return new LiveAwsProblem("unsupported", `this endpoint does not have it (${name})`, cause);
  }
  if (MISSING_ERRORS.has(name) || status === 404) return new LiveAwsProblem("missing", `${what} does not exist`, cause);
  const refused = REFUSED_ACTION.exec(message)?.[1];
  if (status === 403 || status === 401 || DENIED_ERRORS.has(name) || refused !== undefined) {
    const missing = refused === undefined ? permissions : [refused];
    const sentence = `these credentials may not read it; it takes ${missing.join(" and ")}${where}`;
    return new LiveAwsProblem("denied", sentence, { cause: error, permissions: missing });
  }
  const why = status === undefined ? findCode(error) : `${name}, status ${status}`;
  return new LiveAwsProblem("failed", `no useful answer (${why})${message === "" ? "" : `: ${message}`}`, cause);
}

function toCredentialSentence(name: string): string {
  if (name === "CredentialsProviderError" || name === "TokenProviderError") {
    return "no AWS credentials were found; assume the verify role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
  }
  if (name.startsWith("ExpiredToken")) return "the AWS credentials have expired; renew them";
  return `the AWS credentials are not known there (${name}); correct them`;
}

/** A code like `ECONNREFUSED`, or the error's name. */
function findCode(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: string };
  return typeof code === "string" ? code : (name ?? "unknown");
}
