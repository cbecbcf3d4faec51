import type { Environment } from "./config-environment.ts";
import { isLoopback } from "./oidc-issuers.ts";

/** What does not fit together in the ways to authenticate, one sentence each. */
export function findAuthProblems(env: Partial<Environment>): string[] {
  const { SLUICE_AUTH: ways = [], SLUICE_OIDC_ISSUERS: issuers, SLUICE_DEV_TOKEN: devToken } = env;
  const problems: string[] = [];
  if (ways.includes("dev") && env.NODE_ENV === "production") {
    problems.push('SLUICE_AUTH names dev, which is refused while NODE_ENV is "production"');
  }
  if (ways.includes("dev") && devToken === undefined) {
    problems.push("SLUICE_DEV_TOKEN is missing; set the token that callers send");
  }
  if (ways.includes("oidc") && issuers === undefined) {
    problems.push("SLUICE_OIDC_ISSUERS is missing; list the issuers whose tokens are accepted (docs/security.md)");
  }
  if (!ways.includes("oidc") && issuers !== undefined && ways.length > 0) {
    problems.push(
      "SLUICE_OIDC_ISSUERS is set, but SLUICE_AUTH does not name oidc: no token of theirs would be accepted",
    );
  }
  const [plain] = issuers?.filter(({ issuer, jwksUri = "" }) => isLoopback(issuer) || isLoopback(jwksUri)) ?? [];
  if (plain !== undefined && env.NODE_ENV === "production") {
    problems.push(
      `SLUICE_OIDC_ISSUERS names ${plain.issuer} without TLS, which is refused while NODE_ENV is "production"`,
    );
  }
  if (ways.includes("dev") && devToken?.startsWith("sluice-upload.")) {
    problems.push("SLUICE_DEV_TOKEN has the form of an upload token, and would be judged as one; choose another token");
  }
  if (ways.length > 1 && devToken !== undefined && /^[^.]*\.[^.]*\.[^.]*$/.test(devToken)) {
    problems.push("SLUICE_DEV_TOKEN has the form of a JWT, and would be judged as one; choose a token without dots");
  }
  return problems;
}
