import { findIamAccount } from "../domain/access/iam-principal.ts";
import { looksLikeIamToken } from "../domain/access/iam-token.ts";
import type { Caller } from "../domain/caller.ts";
import type { Authenticator } from "./authenticator.ts";
import { chooseByForm, type FormJudge, looksLikeJwt } from "./choose-authenticator.ts";
import { createDevAuthenticator } from "./dev-authenticator.ts";
import type { IamPolicy } from "./iam/iam-authenticator.ts";
import type { IssuerPolicy } from "./oidc/issuer-policy.ts";
import { createUploadTokenAuthenticator, type UploadTokenPolicy } from "./upload/upload-token-authenticator.ts";
import { looksLikeUploadToken } from "./upload/upload-token-form.ts";

/** The ways by which callers may prove who they are; at least one of them beside upload tokens, which need an issuer. */
export interface AuthenticationWays {
  /** The static token; undefined when none is accepted. */
  devToken: string | undefined;
  issuers: readonly IssuerPolicy[];
  /** Which callers of AWS are let in; undefined when none is. */
  iam: IamPolicy | undefined;
  uploadTokens: Pick<UploadTokenPolicy, "signer" | "uploadLifeMaxMs">;
}

/** What the ways work with beside their policies; a pino logger fits `log`. */
export interface AuthenticationOptions {
  log: { warn(fields: object, message: string): void; info(fields: object, message: string): void };
  /** Tells what is wrong with an issuer, in a sentence, or undefined when all is well. */
  degrade: (component: string, problem: string | undefined) => void;
  /** Proxies in front, whose addresses are not the callers'. */
  trustedProxies: number;
}

/** A running authentication: it fetches issuers' keys until it is stopped. */
export interface Authentication {
  authenticate: Authenticator;
  stop(): void;
}

/** Starts to accept callers by the given ways. It waits for no issuer: one that is away degrades the service, and stops nothing. */
export async function startAuthentication(
  { devToken, issuers, iam: iamPolicy, uploadTokens }: AuthenticationWays,
  options: AuthenticationOptions,
): Promise<Authentication> {
  const dev = devToken === undefined ? undefined : createDevAuthenticator(devToken);
  // Libraries are loaded by the services whose ways need them.
  const oidc = issuers.length === 0 ? undefined : await startOidc(issuers, options);
  const iam = iamPolicy === undefined ? undefined : await startIam(iamPolicy, options);
  // A token of no known form is judged by the first of these, whose refusal says best what it should be.
  const otherwise = dev ?? oidc?.authenticate ?? iam?.authenticate;
  if (otherwise === undefined) throw new Error("no way to authenticate is configured");
  const acceptsIssuer = (issuer: Caller) => isAccepted(issuer, { devToken, issuers, iam: iamPolicy });
  const upload = createUploadTokenAuthenticator({ ...uploadTokens, acceptsIssuer });
  const judges: FormJudge[] = [{ hasForm: looksLikeUploadToken, authenticate: upload }];
  if (iam !== undefined) judges.push({ hasForm: looksLikeIamToken, authenticate: iam.authenticate });
  if (oidc !== undefined) judges.push({ hasForm: looksLikeJwt, authenticate: oidc.authenticate });
  return {
    authenticate: chooseByForm(judges, otherwise),
    stop: () => {
      oidc?.stop();
      iam?.stop();
    },
  };
}

/** Whether a caller who was let in once could be let in by these ways: their issuer may have been taken away since, or their account. */
function isAccepted(
  { principal, tokenKind }: Caller,
  { devToken, issuers, iam }: Omit<AuthenticationWays, "uploadTokens">,
): boolean {
  if (tokenKind === "dev") return devToken !== undefined;
  if (tokenKind === "oidc") return issuers.some(({ alias }) => principal.startsWith(`${alias}:`));
  return tokenKind === "iam" && iam?.accounts.includes(findIamAccount(principal) ?? "") === true;
}

async function startOidc(
  issuers: readonly IssuerPolicy[],
  { log, degrade }: AuthenticationOptions,
): Promise<Authentication> {
  const [{ startOidcAuthenticator }, { fetchKeys }] = await Promise.all([
    import("./oidc/oidc-authenticator.ts"),
    import("./oidc/fetch-keys.ts"),
  ]);
  return startOidcAuthenticator({
    issuers,
    fetchKeys: (policy) => fetchKeys(policy),
    onState: tellChanges((issuer, problem) => {
      degrade(`issuer ${issuer}`, problem);
      if (problem === undefined) log.info({ issuer }, "the issuer's keys are well again");
      else
        log.warn({ issuer, problem }, "the issuer's keys have a problem; those that were fetched before still count");
    }),
  });
}

async function startIam(policy: IamPolicy, { log, trustedProxies }: AuthenticationOptions): Promise<Authentication> {
  const { startIamAuthenticator } = await import("./iam/iam-authenticator.ts");
  return startIamAuthenticator({
    ...policy,
    trustedProxies,
    // Callers choose the region, so a region that is away is logged and does not degrade the service.
    onState: tellChanges((region, problem) => {
      if (problem === undefined) log.info({ region }, "AWS STS says again who callers are");
      else log.warn({ region, problem }, "AWS STS does not say who callers are; those who are known are still let in");
    }),
  });
}

type OnState = (name: string, problem: string | undefined) => void;

/** Hands a state on when it differs from the last one of the same name; all is well at first. */
function tellChanges(tell: OnState): OnState {
  const told = new Map<string, string | undefined>();
  return (name, problem) => {
    if (problem === told.get(name)) return;
    told.set(name, problem);
    tell(name, problem);
  };
}
