/** One value that a claim may have. */
export type ClaimValue = string | number | boolean;

/** What claims must be: values of which one is needed, or the same for the claims of an object, by their names. */
export interface RequiredClaims {
  readonly [claim: string]: readonly ClaimValue[] | RequiredClaims;
}

/** An OpenID Connect issuer whose tokens are accepted, and which of its tokens are. */
export interface IssuerPolicy {
  /** Begins every principal and group of this issuer: "{alias}:{subject}". Never reused for another issuer. */
  readonly alias: string;
  /** The exact `iss` of its tokens, a URL. */
  readonly issuer: string;
  /** URL of its keys; its discovery document tells it when undefined. */
  readonly jwksUri: string | undefined;
  /** Whom a token must be meant for: one of these. Never empty. */
  readonly audiences: readonly string[];
  /** The claim that says whom a token is meant for: "aud", but "client_id" in Cognito's access tokens. */
  readonly audienceClaim: string;
  /** Algorithms of signatures that are accepted; all are asymmetric. */
  readonly algorithms: readonly string[];
  /** The path of the claim that names the caller, for instance ["sub"]. */
  readonly subjectClaim: readonly string[];
  /** The path of the claim that lists groups, for instance ["realm_access", "roles"]; undefined: callers have none. */
  readonly groupsClaim: readonly string[] | undefined;
  readonly requiredClaims: RequiredClaims;
  /** How far the clocks of issuer and service may be apart, in milliseconds. */
  readonly clockToleranceMs: number;
}
