import { z } from "zod";
import { readListed } from "./listed-values.ts";

/** Most issuers: the keys of each are fetched every few minutes. */
const ISSUERS_MAX = 20;
/** Aliases that other kinds of callers have. */
const KEPT_ALIASES = ["dev", "iam"];
/** Algorithms whose verification needs no secret: RFC 7518, 3.1, and RFC 8037. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"] as const;

const name = z.string().min(1).max(512);
const url = z
  .string()
  .max(2048)
  .refine(
    isTrustworthy,
    "must be an https:// URL without user, query or fragment; http:// is for 127.0.0.1, [::1] and localhost alone",
  );
/** A claim's name, or its path through claims of claims. */
const claim = z.union([name.transform((one) => [one]), z.array(name).min(1).max(8)], {
  error: "must be the name of a claim, or a list of names that leads to it",
});
const claimValue = z.union([z.string(), z.number(), z.boolean()]);
type Required = { readonly [claim: string]: readonly z.infer<typeof claimValue>[] | Required };
const requiredClaims: z.ZodType<Required> = z.record(
  name,
  z.union([claimValue.transform((one) => [one]), z.array(claimValue).min(1), z.lazy(() => requiredClaims)], {
    error: "must be a value, a list of values of which one is needed, or an object of claims",
  }),
);

const ISSUER = z.strictObject({
  alias: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 of a-z, 0-9, "-"')
    .refine(
      (alias) => !KEPT_ALIASES.includes(alias),
      `must not be ${KEPT_ALIASES.join(" or ")}, which other callers have`,
    ),
  issuer: url,
  jwks_uri: url.optional(),
  audiences: z.array(name, "must list whom tokens are meant for").min(1, "must list at least one"),
  audience_claim: name.default("aud"),
  algorithms: z
    .array(z.enum(ALGORITHMS, { error: `must be one of ${ALGORITHMS.join(", ")}` }))
    .min(1)
    .default(["RS256", "ES256"]),
  subject_claim: claim.default(["sub"]),
  groups_claim: claim.optional(),
  required_claims: requiredClaims.default({}),
  clock_tolerance_seconds: z.int().min(0).max(300).default(60),
  login: z
    .strictObject({
      client_id: name,
      scopes: z.array(name).default(["openid"]),
      audience: name.optional(),
      origins: z
        .array(z.string().regex(/^https:\/\/[a-z0-9.:-]+$/, 'must be an origin, such as "https://login.example.com"'))
        .default([]),
    })
    .optional(),
});

/** One issuer as it is configured. */
export type ConfiguredIssuer = ReturnType<typeof toIssuer>;

/**
 * Issuers of OpenID Connect: a JSON list, or the path of a JSON or YAML file with one. The error names every mistake by its place in
 * the list. The text holds no secrets: issuers, audiences and clients are public.
 */
export function oidcIssuers() {
  return z.string().transform((text, context): ConfiguredIssuer[] => {
    try {
      const { data, error } = z
        .array(ISSUER, "must be a list of issuers")
        .min(1)
        .max(ISSUERS_MAX)
        .safeParse(readListed(text));
      for (const issue of error?.issues ?? [])
        context.addIssue(`is wrong at ${toPlace(issue.path)}: ${toAdvice(issue)}`);
      for (const twice of findTwice(data ?? [])) context.addIssue(twice);
      return (data ?? []).map(toIssuer);
    } catch (error) {
      context.addIssue((error as Error).message);
      return z.NEVER;
    }
  });
}

function toIssuer(issuer: z.infer<typeof ISSUER>) {
  const { login } = issuer;
  return {
    alias: issuer.alias,
    issuer: issuer.issuer,
    jwksUri: issuer.jwks_uri,
    audiences: issuer.audiences,
    audienceClaim: issuer.audience_claim,
    algorithms: issuer.algorithms,
    subjectClaim: issuer.subject_claim,
    groupsClaim: issuer.groups_claim,
    requiredClaims: issuer.required_claims,
    clockToleranceMs: issuer.clock_tolerance_seconds * 1000,
    /** The client by which people sign in, at `/docs` and by `sluice login`; undefined when they cannot. */
    login: login && {
      clientId: login.client_id,
      scopes: login.scopes,
      audience: login.audience,
      origins: login.origins,
    },
  };
}

/** Whether keys and tokens from there can be trusted: by TLS, or because they never leave this machine. */
function isTrustworthy(text: string): boolean {
  const parsed = URL.parse(text);
  if (parsed === null || /[?#@\s]/.test(text)) return false;
  return parsed.protocol === "https:" || isLoopback(text);
}

/** Whether an issuer is reached without TLS, which is for this machine alone. */
export function isLoopback(text: string): boolean {
  const parsed = URL.parse(text);
  return parsed?.protocol === "http:" && /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(parsed.hostname);
}

function findTwice(issuers: readonly z.infer<typeof ISSUER>[]): string[] {
  return (["alias", "issuer"] as const).flatMap((field) => {
    const values = issuers.map((one) => one[field]);
    const twice = values.filter((value, i) => values.indexOf(value) !== i);
    return [...new Set(twice)].map((value) => `names the ${field} "${value}" twice; each issuer is one entry`);
  });
}

/** A place in the list as a program would write it: `[0].audiences`. */
function toPlace(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "its top";
  return path
    .map((step, i) => (typeof step === "number" ? `[${step}]` : `${i === 0 ? "" : "."}${String(step)}`))
    .join("");
}

function toAdvice(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    return `there is no ${issue.keys.map((key) => `"${key}"`).join(", ")}; the fields are ${Object.keys(ISSUER.shape).join(", ")}`;
  }
  return issue.message;
}
