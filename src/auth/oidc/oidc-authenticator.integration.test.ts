import { createHmac } from "node:crypto";
import { expect } from "chai";
import { exportSPKI, importJWK } from "jose";
import { DomainError } from "../../domain/errors.ts";
import {
  createIssuerKey,
  type IssuerKey,
  type OidcIssuer,
  startOidcIssuer,
} from "../../testing/rigs/callers/oidc-issuer.ts";
import { CLAIM_NAMES, ODD_VALUES } from "../../testing/samples/malformed-tokens.ts";
import { sampleIssuerPolicy } from "../../testing/samples/sample-issuer-policy.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { fetchKeys } from "./fetch-keys.ts";
import type { IssuerPolicy } from "./issuer-policy.ts";
import { type OidcAuthenticator, startOidcAuthenticator } from "./oidc-authenticator.ts";

describe("startOidcAuthenticator", () => {
  let issuer: OidcIssuer;
  let oidc: OidcAuthenticator;
  let now: number;
  const start = (overrides: Partial<IssuerPolicy> = {}) => {
    oidc?.stop();
    oidc = startOidcAuthenticator({
      issuers: [sampleIssuerPolicy(issuer.url, overrides)],
      fetchKeys: (policy) => fetchKeys(policy),
      now: () => now,
    });
  };
  const call = (token: string) =>
    oidc.authenticate((name) => (name === "authorization" ? `Bearer ${token}` : undefined));
  const sign: OidcIssuer["sign"] = (claims, options) => issuer.sign(claims, { now, ...options });
  const seconds = (ms: number) => Math.floor((now + ms) / 1000);

  before(async () => {
    issuer = await startOidcIssuer();
  });
  after(async () => {
    oidc.stop();
    await issuer.close();
  });
  beforeEach(() => {
    now = Date.UTC(2026, 10, 29);
    start();
  });

  it("names the caller and its groups by the alias of their issuer", async () => {
    const token = await sign({ groups: ["writers", "writers", "all"] });
    expect(await call(token)).to.deep.equal({
      principal: "test:anna",
      groups: ["test:writers", "test:all"],
      tokenKind: "oidc",
    });
  });

  it("verifies a token once, and remembers it until it expires", async () => {
    const token = await sign({ exp: seconds(300_000) });
    const caller = await call(token);
    expect(await call(token)).to.equal(caller);
    now += 300_000 + 59_000;
    expect(await call(token)).to.equal(caller);
    now += 2000;
    expect(await catchError(() => call(token))).to.include({ code: "unauthenticated", reason: "TOKEN_EXPIRED" });
  });

  it("refuses a remembered token once its issuer has withdrawn the key", async () => {
    const token = await sign();
    await call(token);
    const [old] = issuer.keys;
    issuer.keys = [await createIssuerKey()];
    now += 31_000;
    await call(await sign());
    expect(await catchError(() => call(token))).to.include({ code: "unauthenticated", reason: "TOKEN_KEY_UNKNOWN" });
    if (old !== undefined) issuer.keys = [old];
  });

  describe("refuses", () => {
    const refusals: [what: string, reason: string, make: () => Promise<string> | string][] = [
      ["a token that has expired", "TOKEN_EXPIRED", () => sign({ exp: seconds(-61_000) })],
      ["a token that is not valid yet", "TOKEN_NOT_YET_VALID", () => sign({ nbf: seconds(62_000) })],
      ["a token that never expires", "TOKEN_CLAIM_REFUSED", () => sign({ exp: undefined })],
      ["a token whose end is no number", "TOKEN_CLAIM_REFUSED", () => sign({ exp: "never" })],
      ["a token for another audience", "TOKEN_AUDIENCE_WRONG", () => sign({ aud: "other" })],
      ["a token for no audience", "TOKEN_AUDIENCE_WRONG", () => sign({ aud: undefined })],
      ["a token of another issuer", "TOKEN_ISSUER_UNKNOWN", () => sign({ iss: "https://elsewhere.example.org" })],
      ["a token of an issuer of another form", "TOKEN_ISSUER_UNKNOWN", () => sign({ iss: { toString: "x" } })],
      ["a token without a signature", "TOKEN_INVALID", async () => unsigned(await sign())],
      [
        "a token that is signed by HS256 with the public key",
        "TOKEN_INVALID",
        async () => signedByPublicKey(await sign()),
      ],
      [
        "a token whose algorithm is not listed",
        "TOKEN_INVALID",
        async () => sign({}, { key: await createIssuerKey("ES384") }),
      ],
      [
        "a token that is signed by a key of somebody else",
        "TOKEN_KEY_UNKNOWN",
        async () => sign({}, { key: await createIssuerKey() }),
      ],
      ["a token with the name of a key that did not sign it", "TOKEN_INVALID", () => signedUnderOtherName()],
      ["a token whose claims were changed", "TOKEN_INVALID", async () => withOtherClaims(await sign())],
      ["a token with a critical header that nobody knows", "TOKEN_INVALID", () => withCritical()],
      ["a subject that is missing", "TOKEN_CLAIM_REFUSED", () => sign({ sub: undefined })],
      ["a subject that is no text", "TOKEN_CLAIM_REFUSED", () => sign({ sub: 7 })],
      ["a subject with a character that no database takes", "TOKEN_CLAIM_REFUSED", () => sign({ sub: "a\u0000" })],
      ["a subject that shows as another", "TOKEN_CLAIM_REFUSED", () => sign({ sub: "a\u202eb" })],
      ["a subject of more than 512 characters", "TOKEN_CLAIM_REFUSED", () => sign({ sub: "a".repeat(513) })],
      ["groups that are no texts", "TOKEN_CLAIM_REFUSED", () => sign({ groups: [{}] })],
      ["a token of 16 KiB and a byte", "TOKEN_INVALID", () => `a.b.${"c".repeat(16_384 - 3)}`],
      ["a token of 1 MiB", "TOKEN_INVALID", () => `a.b.${"c".repeat(2 ** 20)}`],
      ["a text that is no JWT", "TOKEN_INVALID", () => "s3cret-token"],
      ["two authorization headers", "TOKEN_INVALID", async () => `${await sign()}, Bearer ${await sign()}`],
    ];
    for (const [what, reason, make] of refusals) {
      it(what, async () => {
        const token = await make();
        const error = await catchError(() => call(token));
        expect(error).to.include({ code: "unauthenticated", reason });
        const { message, cause } = error as Error;
        for (const part of token.split(/[.,]/).filter(({ length }) => length > 1)) expect(message).not.to.contain(part);
        expect(cause, "a cause would be logged with the claims").to.equal(undefined);
      });
    }
  });

  it("refuses or understands odd values of claims that the issuer has signed, and none is a defect", async () => {
    const outcomes = new Set<string>();
    for (const name of CLAIM_NAMES) {
      for (const value of ODD_VALUES) {
        const error = await catchError(async () => call(await sign({ [name]: value })));
        outcomes.add(error instanceof DomainError && error.code === "unauthenticated" ? error.reason : `${error}`);
      }
    }
    expect([...outcomes]).to.have.members([
      ...["undefined", "TOKEN_EXPIRED", "TOKEN_NOT_YET_VALID"],
      ...["TOKEN_ISSUER_UNKNOWN", "TOKEN_AUDIENCE_WRONG", "TOKEN_CLAIM_REFUSED"],
    ]);
  });

  it("takes times within the tolerance of the issuer", async () => {
    expect(await call(await sign({ exp: seconds(-59_000), nbf: seconds(59_000) }))).to.include({
      principal: "test:anna",
    });
  });

  it("takes one of several audiences, and one of several claims in a list", async () => {
    start({ audiences: ["other", "sluice"], requiredClaims: { amr: ["mfa"] } });
    expect(await call(await sign({ aud: ["x", "sluice"], amr: ["pwd", "mfa"] }))).to.include({
      principal: "test:anna",
    });
  });

  it("takes the access tokens of Cognito, which have a client and no audience", async () => {
    start({ audienceClaim: "client_id", requiredClaims: { token_use: ["access"] }, groupsClaim: ["cognito:groups"] });
    const claims = { aud: undefined, client_id: "sluice", "cognito:groups": ["a"] };
    expect(await call(await sign({ ...claims, token_use: "access" }))).to.deep.include({ groups: ["test:a"] });
    expect(await catchError(async () => call(await sign({ ...claims, token_use: "id" })))).to.include({
      reason: "TOKEN_CLAIM_REFUSED",
    });
    expect(
      await catchError(async () => call(await sign({ ...claims, client_id: "x", token_use: "access" }))),
    ).to.include({
      reason: "TOKEN_AUDIENCE_WRONG",
    });
  });

  it("takes the web identity tokens of AWS STS, of the account that is required", async () => {
    start({
      audiences: ["https://files.example.org"],
      algorithms: ["RS256", "ES384"],
      requiredClaims: { "https://sts.amazonaws.com/": { aws_account: ["111122223333"] } },
    });
    // docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
    const about = { aws_account: "111122223333", source_region: "eu-central-1", org_id: "o-abc1234567" };
    const claims = (of: object) => ({
      ...{ aud: "https://files.example.org", sub: "arn:aws:iam::111122223333:role/apps/uploader" },
      "https://sts.amazonaws.com/": { ...about, principal_tags: { team: "files" }, ...of },
    });
    const key = await createIssuerKey("ES384");
    const before = issuer.keys;
    issuer.keys = [key];
    now += 31_000;
    expect(await call(await sign(claims({})))).to.include({
      principal: "test:arn:aws:iam::111122223333:role/apps/uploader",
    });
    const error = await catchError(async () => call(await sign(claims({ aws_account: "999988887777" }))));
    expect(error).to.include({ code: "unauthenticated", reason: "TOKEN_CLAIM_REFUSED" });
    issuer.keys = before;
  });

  it("requires claims of claims, and names the one that is wrong", async () => {
    start({ requiredClaims: { "kubernetes.io": { namespace: ["prod"] } }, groupsClaim: ["realm_access", "roles"] });
    const within = { "kubernetes.io": { namespace: "prod" }, realm_access: { roles: ["a"] } };
    expect(await call(await sign(within))).to.deep.include({ groups: ["test:a"] });
    for (const wrong of [{ namespace: "dev" }, {}, "prod", null]) {
      const error = await catchError(async () => call(await sign({ ...within, "kubernetes.io": wrong })));
      expect(error).to.include({ reason: "TOKEN_CLAIM_REFUSED" });
      expect(error).to.have.property("message").that.contains("kubernetes.io.namespace");
    }
  });

  it("takes no claim from what every object inherits", async () => {
    start({ subjectClaim: ["constructor", "name"], groupsClaim: ["toString"] });
    expect(await catchError(async () => call(await sign()))).to.include({ reason: "TOKEN_CLAIM_REFUSED" });
  });

  it("asks for the key's name where the issuer has several keys", async () => {
    const [first] = issuer.keys;
    expect(await call(await sign({}, { header: { kid: undefined } }))).to.include({ principal: "test:anna" });
    issuer.keys = [...issuer.keys, await createIssuerKey()];
    start();
    const error = await catchError(async () => call(await sign({}, { header: { kid: undefined } })));
    expect(error).to.include({ code: "unauthenticated", reason: "TOKEN_INVALID" });
    if (first !== undefined) issuer.keys = [first];
  });

  /** The header of a token with other values, and what stands behind it. */
  function rewritten(token: string, header: object): [header: string, claims: string] {
    return [Buffer.from(JSON.stringify(header)).toString("base64url"), token.split(".")[1] ?? ""];
  }

  function unsigned(token: string): string {
    return `${rewritten(token, { alg: "none" }).join(".")}.`;
  }

  async function signedByPublicKey(token: string): Promise<string> {
    const { publicJwk, kid, algorithm } = issuer.keys[0] as IssuerKey;
    const pem = await exportSPKI((await importJWK(publicJwk, algorithm, { extractable: true })) as CryptoKey);
    const text = rewritten(token, { alg: "HS256", kid }).join(".");
    return `${text}.${createHmac("sha256", pem).update(text).digest("base64url")}`;
  }

  async function signedUnderOtherName(): Promise<string> {
    return await sign({}, { key: await createIssuerKey(), header: { kid: issuer.keys[0]?.kid } });
  }

  function withOtherClaims(token: string): string {
    const [header, claims = "", signature] = token.split(".");
    const changed = { ...JSON.parse(Buffer.from(claims, "base64url").toString()), sub: "root" };
    return [header, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join(".");
  }

  async function withCritical(): Promise<string> {
    const token = await sign();
    const header = { alg: "ES256", kid: issuer.keys[0]?.kid, crit: ["unknown"], unknown: 1 };
    return `${rewritten(token, header).join(".")}.${token.split(".")[2]}`;
  }
});
