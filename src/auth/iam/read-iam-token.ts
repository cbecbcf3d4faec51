import {
  IAM_TOKEN_FIELDS,
  IAM_TOKEN_PREFIX,
  looksLikeIamToken,
  type SignedIdentity,
} from "../../domain/access/iam-token.ts";
import { STS_REGIONS } from "../../domain/access/sts-regions.ts";
import { refuseToken } from "../bearer-token.ts";

type Field = (typeof IAM_TOKEN_FIELDS)[number];

/**
 * Longest session token, in characters. AWS promises no size; "the typical size is less than 4096 bytes, but that can vary"
 * (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html). With twice that, the whole token stays below the longest
 * bearer token.
 */
export const SESSION_TOKEN_MAX_CHARACTERS = 8192;
/** Longest life that a signature may claim, in seconds: that of any presigned request. The service lets it live far shorter. */
const EXPIRES_MAX_SECONDS = 604_800;

/** What each field may be. No value has a "&", which separates fields. */
const GRAMMAR: Readonly<Record<Field, RegExp>> = {
  // An access key of a user, or of a session: docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
  key: /^A[KS]IA[A-Z0-9]{12,124}$/,
  region: /^[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-[1-9]$/,
  date: /^20\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ$/,
  expires: /^[1-9]\d{0,5}$/,
  signature: /^[0-9a-f]{64}$/,
  session: /^[A-Za-z0-9+/_-]+={0,2}$/,
};

/**
 * Reads an IAM token. Rejects with `unauthenticated / TOKEN_INVALID`, and names the field that is wrong, when the token is not
 * exactly what `writeIamToken` writes for fields of the right form. Nothing is asked of anybody before.
 */
export function readIamToken(token: string): SignedIdentity {
  const fields = readFields(decode(token));
  const { key, region, date, expires, signature, session } = fields;
  if (!STS_REGIONS.has(region)) throw refuseField("region", "names no region of AWS that this service asks");
  if (Number.isNaN(parseAmzDate(date))) throw refuseField("date", "is no time of the calendar");
  const expiresSeconds = Number(expires);
  if (expiresSeconds > EXPIRES_MAX_SECONDS) throw refuseField("expires", `is above ${EXPIRES_MAX_SECONDS} seconds`);
  if (key.startsWith("ASIA") !== (session !== undefined)) {
    throw refuseField("session", "must be there for the keys of a session (ASIA…), and for no others");
  }
  return { accessKeyId: key, region, date, expiresSeconds, signature, sessionToken: session };
}

/** Milliseconds since 1970 of `YYYYMMDDTHHMMSSZ`; NaN for a day that its month does not have. */
export function parseAmzDate(date: string): number {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6.000Z");
  const at = Date.parse(iso);
  // Date.parse takes the 30th of February for a day in March.
  return Number.isNaN(at) || new Date(at).toISOString() !== iso ? Number.NaN : at;
}

/** The fields' text. Other letters at the end may stand for the same bytes; only one form counts, so that a token has one hash. */
function decode(token: string): string {
  const encoded = looksLikeIamToken(token) ? token.slice(IAM_TOKEN_PREFIX.length) : "";
  const bytes = Buffer.from(encoded, "base64url");
  if (encoded === "" || bytes.toString("base64url") !== encoded) {
    const form = `of the form ${IAM_TOKEN_PREFIX}<base64url>`;
    throw refuseToken("TOKEN_INVALID", `the token is not ${form}; make it with a client of this service`);
  }
  return bytes.toString("latin1");
}

function readFields(text: string): Record<Exclude<Field, "session">, string> & { session?: string } {
  const pairs = text.split("&", IAM_TOKEN_FIELDS.length + 1);
  const fields: Partial<Record<Field, string>> = {};
  for (const [i, name] of IAM_TOKEN_FIELDS.entries()) {
    const pair = pairs[i];
    if (pair === undefined && name === "session") continue;
    const value = pair?.startsWith(`${name}=`) === true ? pair.slice(name.length + 1) : undefined;
    if (value === undefined || !GRAMMAR[name].test(value)) throw refuseField(name, "is missing or has not its form");
    if (name === "session" && value.length > SESSION_TOKEN_MAX_CHARACTERS) {
      throw refuseField(name, `has ${value.length} characters; the limit is ${SESSION_TOKEN_MAX_CHARACTERS}`);
    }
    fields[name] = value;
  }
  if (pairs.length > IAM_TOKEN_FIELDS.length)
    throw refuseToken("TOKEN_INVALID", "the token has more fields than it may");
  return fields as ReturnType<typeof readFields>;
}

function refuseField(name: Field, problem: string): Error {
  return refuseToken("TOKEN_INVALID", `the token's field ${name} ${problem}; make it with a client of this service`);
}
