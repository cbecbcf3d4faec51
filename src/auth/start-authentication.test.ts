import { expect } from "chai";
import type { Caller } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import { fromNow } from "../testing/rigs/from-now.ts";
import { sampleUploadToken } from "../testing/samples/sample-records.ts";
import { createPurposeSigner } from "./purpose-signer.ts";
import { type AuthenticationWays, startAuthentication } from "./start-authentication.ts";
import { formatUploadToken, UPLOAD_TOKEN_PURPOSE } from "./upload/upload-token-form.ts";

describe("startAuthentication", () => {
  const signer = createPurposeSigner([Buffer.alloc(32, 1)], UPLOAD_TOKEN_PURPOSE);
  const none: AuthenticationWays = {
    devToken: undefined,
    issuers: [],
    iam: undefined,
    uploadTokens: { signer, uploadLifeMaxMs: 1000 },
  };
  const iam = { accounts: ["111122223333"], serverId: "files.example.org" };
  const issuer = {
    ...{ alias: "corp", issuer: "http://127.0.0.1:1", jwksUri: "http://127.0.0.1:1/keys", audiences: ["sluice"] },
    ...{ audienceClaim: "aud", algorithms: ["RS256"], subjectClaim: ["sub"], groupsClaim: undefined },
    ...{ requiredClaims: {}, clockToleranceMs: 0, login: undefined },
  };
  const issuers: Record<string, Pick<Caller, "principal" | "tokenKind">> = {
    developer: { principal: "dev:local", tokenKind: "dev" },
    employee: { principal: "corp:anna", tokenKind: "oidc" },
    "employee of another issuer": { principal: "corp2:anna", tokenKind: "oidc" },
    role: { principal: "iam:arn:aws:sts::111122223333:assumed-role/uploader", tokenKind: "iam" },
    "role of another account": { principal: "iam:arn:aws:sts::444455556666:assumed-role/uploader", tokenKind: "iam" },
  };
  /** Whose upload tokens a service with these ways takes. */
  const accepted = async (ways: Partial<AuthenticationWays>) => {
    const options = { log: { warn: () => {}, info: () => {} }, degrade: () => {}, trustedProxies: 0 };
    const { authenticate, stop } = await startAuthentication({ ...none, ...ways }, options);
    const taken: string[] = [];
    for (const [name, caller] of Object.entries(issuers)) {
      const said = sampleUploadToken({ expireTime: fromNow(600_000), issuer: { ...caller, groups: [] } });
      const token = formatUploadToken(said, signer);
      const outcome = await authenticate(() => `Bearer ${token}`, "127.0.0.1").catch((error) => error);
      if (outcome instanceof DomainError) expect(outcome.reason).to.equal("TOKEN_INVALID");
      else taken.push(name);
    }
    stop();
    return taken;
  };

  it("takes the upload tokens of those whom it would let in itself, and of nobody else", async () => {
    expect(await accepted({ devToken: "a-developer" })).to.deep.equal(["developer"]);
    expect(await accepted({ iam })).to.deep.equal(["role"]);
    expect(await accepted({ issuers: [issuer] })).to.deep.equal(["employee"]);
    expect(await accepted({ issuers: [issuer], iam })).to.deep.equal(["employee", "role"]);
  });
});
