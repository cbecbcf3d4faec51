import type { Authenticator } from "../../../auth/authenticator.ts";

/**
 * Takes every bearer token for the name of its caller at the issuer "acme", with a group of the same name: for tests of callers
 * who may do what grants allow them, and nothing else.
 */
export const authenticateCallers: Authenticator = async (header) => {
  const name = (header("authorization") ?? "").replace(/^Bearer /, "");
  return { principal: `acme:${name}`, groups: [`acme:group-${name}`], tokenKind: "oidc" };
};
