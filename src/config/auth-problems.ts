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
  problems.push(...findIamProblems(env));
  const [plain] = issuers?.filter(({ issuer, jwksUri = "" }) => isLoopback(issuer) || isLoopback(jwksUri)) ?? [];
  if (plain !== undefined && env.NODE_ENV === "production") {
    problems.push(
      `SLUICE_OIDC_ISSUERS names ${plain.issuer} without TLS, which is refused while NODE_ENV is "production"`,
    );
  }
  if (ways.includes("dev") && devToken?.startsWith("sluice-upload.")) {
    problems.push("SLUICE_DEV_TOKEN has the form of an upload token, and would be judged as one; choose another token");
  }
  if (ways.length > 1 && devToken?.includes(".") === true) {
    problems.push("SLUICE_DEV_TOKEN has dots, as tokens of other kinds have; choose one without");
  }
  return problems;
}

function findIamProblems(env: Partial<Environment>): string[] {
  const { SLUICE_AUTH: ways = [], AWS_ENDPOINT_URL_STS: endpoint } = env;
  const settings = ["SLUICE_IAM_ACCOUNTS", "SLUICE_IAM_SERVER_ID"] as const;
  if (!ways.includes("iam")) {
    const set = settings.filter((name) => env[name] !== undefined && ways.length > 0);
    return set.map((name) => `${name} is set, but SLUICE_AUTH does not name iam: no caller of AWS would be let in`);
  }
  const missing = settings.filter((name) => env[name] === undefined);
  const problems = missing.map((name) => `${name} is missing; SLUICE_AUTH names iam (docs/security.md)`);
  if (endpoint?.startsWith("http:") === true && (env.NODE_ENV === "production" || !isLoopback(endpoint))) {
    problems.push(
      `AWS_ENDPOINT_URL_STS is ${endpoint}; whoever answers there says who callers are: it must be https:// in production, and ` +
        "http:// is for 127.0.0.1, [::1] and localhost alone",
    );
  }
  if (endpoint !== undefined && !isOrigin(endpoint)) {
    problems.push(
      "AWS_ENDPOINT_URL_STS has more than scheme, host and port, and no caller signs for that; write for instance https://sts.example.org",
    );
  }
  return problems;
}

function isOrigin(text: string): boolean {
  const { origin, href } = new URL(text);
  return href === `${origin}/`;
}
