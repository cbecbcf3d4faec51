import type { IssuerPolicy } from "../../auth/oidc/issuer-policy.ts";

/** A policy that accepts the usual tokens of the issuer of tests, as "test:anna". */
export function sampleIssuerPolicy(issuer: string, overrides: Partial<IssuerPolicy> = {}): IssuerPolicy {
  return {
    alias: "test",
    issuer,
    jwksUri: undefined,
    audiences: ["sluice"],
    audienceClaim: "aud",
    algorithms: ["ES256", "RS256"],
    subjectClaim: ["sub"],
    groupsClaim: ["groups"],
    requiredClaims: {},
    clockToleranceMs: 60_000,
    ...overrides,
  };
}
