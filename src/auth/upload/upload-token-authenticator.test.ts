import { expect } from "chai";
import { MEMBER_MAX_CHARACTERS } from "../../domain/access/grants.ts";
import { UPLOAD_TOKEN_LIMITS } from "../../domain/access/upload-token.ts";
import type { Caller, UploadToken } from "../../domain/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import { PATH_MAX_BYTES } from "../../domain/files/file-path.ts";
import { sampleUploadToken } from "../../testing/samples/sample-records.ts";
import { looksLikeJwt } from "../choose-authenticator.ts";
import { createPurposeSigner } from "../purpose-signer.ts";
import { createUploadTokenAuthenticator, type UploadTokenPolicy } from "./upload-token-authenticator.ts";
import {
  formatUploadToken,
  looksLikeUploadToken,
  UPLOAD_TOKEN_MAX_CHARACTERS,
  UPLOAD_TOKEN_PURPOSE,
} from "./upload-token-form.ts";

const DAY_MS = 86_400_000;
const NOW = Date.parse("2026-11-30T12:00:00Z");

describe("createUploadTokenAuthenticator", () => {
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const signerOf = (...keys: Uint8Array[]) => createPurposeSigner(keys, UPLOAD_TOKEN_PURPOSE);
  const said = sampleUploadToken({ expireTime: new Date(NOW + DAY_MS) });
  const format = (changes: Partial<UploadToken> = {}) => formatUploadToken({ ...said, ...changes }, signerOf(first));
  const judge = (token: string, changes: Partial<UploadTokenPolicy> = {}): Promise<Caller> =>
    createUploadTokenAuthenticator({
      ...{
        signer: signerOf(first),
        acceptsIssuer: ({ tokenKind }) => tokenKind === "oidc",
        uploadLifeMaxMs: 6 * DAY_MS,
        now: () => NOW,
      },
      ...changes,
    })(() => `Bearer ${token}`);
  const outcomeOf = async (token: string, changes: Partial<UploadTokenPolicy> = {}) => {
    try {
      return await judge(token, changes);
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== "unauthenticated") throw error;
      expect(error.message).not.to.include(token);
      return error.reason;
    }
  };

  it("names the issuer, gives none of their groups, and hands on all that the token says", async () => {
    expect(await judge(format())).to.deep.equal({
      principal: said.issuer.principal,
      groups: [],
      tokenKind: "upload",
      uploadToken: said,
    });
  });

  it("has a form of its own, which is no JWT's", () => {
    expect([looksLikeUploadToken(format()), looksLikeJwt(format())]).to.deep.equal([true, false]);
    expect(looksLikeUploadToken("eyJhbGciOiJub25lIn0.e30.")).to.equal(false);
  });

  it("accepts what either key has signed, and nothing of a key that was retired", async () => {
    const bySecond = formatUploadToken(said, signerOf(second));
    expect(await outcomeOf(format(), { signer: signerOf(second, first) })).to.include({ tokenKind: "upload" });
    expect(await outcomeOf(bySecond, { signer: signerOf(second, first) })).to.include({ tokenKind: "upload" });
    expect(await outcomeOf(format(), { signer: signerOf(second) })).to.equal("TOKEN_INVALID");
  });

  it("accepts nothing that the same key has signed for another purpose", async () => {
    const other = formatUploadToken(said, createPurposeSigner([first], "sluice/iam/v1"));
    expect(await outcomeOf(other)).to.equal("TOKEN_INVALID");
  });

  it("accepts nothing without keys, and no issuer who could not call", async () => {
    expect(await outcomeOf(format(), { signer: undefined })).to.equal("TOKEN_INVALID");
    expect(await outcomeOf(format(), { acceptsIssuer: () => false })).to.equal("TOKEN_INVALID");
    const ofDeveloper = { issuer: { ...said.issuer, tokenKind: "dev" as const } };
    expect(await outcomeOf(format(ofDeveloper))).to.equal("TOKEN_INVALID");
  });

  it("accepts an expired token for as long as an upload of it may live", async () => {
    const at = (ms: number) => outcomeOf(format(), { now: () => said.expireTime.getTime() + ms });
    expect(await at(0)).to.include({ tokenKind: "upload" });
    expect(await at(6 * DAY_MS - 1)).to.include({ tokenKind: "upload" });
    expect(await at(6 * DAY_MS)).to.equal("TOKEN_EXPIRED");
  });

  it("refuses a token of which any field was changed", async () => {
    const [, , text = "", code = ""] = format().split(".");
    const payload = JSON.parse(Buffer.from(text, "base64url").toString()) as Record<string, unknown>;
    const changed = {
      ...{ id: "x", ns: "other", at: "", size: 1e12, uploads: 1e6, new: !payload.new, exp: NOW * 2 },
      iss: {},
    };
    expect(Object.keys(changed)).to.have.members(Object.keys(payload));
    for (const [name, value] of Object.entries(changed)) {
      const other = Buffer.from(JSON.stringify({ ...payload, [name]: value })).toString("base64url");
      expect(await outcomeOf(`sluice-upload.v1.${other}.${code}`), name).to.equal("TOKEN_INVALID");
    }
    // The text is signed, and not its meaning: another spelling of the same payload is another text.
    const spelled = Buffer.from(JSON.stringify(payload, undefined, 1)).toString("base64url");
    expect(await outcomeOf(`sluice-upload.v1.${spelled}.${code}`)).to.equal("TOKEN_INVALID");
    expect(await outcomeOf(`sluice-upload.v2.${text}.${code}`)).to.equal("TOKEN_INVALID");
  });

  it("has room for the longest principal, path and groups", async () => {
    // Characters that take the most bytes: three each, for one of UTF-16.
    const long = "\u20ac".repeat(MEMBER_MAX_CHARACTERS);
    const groups = ["g".repeat(UPLOAD_TOKEN_LIMITS.groupsMaxBytes - 4)];
    const token = format({
      namespace: "n".repeat(63),
      place: "p".repeat(PATH_MAX_BYTES),
      issuer: { ...said.issuer, principal: long, groups },
    });
    expect(token.length).to.be.at.most(UPLOAD_TOKEN_MAX_CHARACTERS);
    expect(await judge(token)).to.include({ principal: long });
    expect(await outcomeOf(`${token}${"A".repeat(UPLOAD_TOKEN_MAX_CHARACTERS)}`)).to.equal("TOKEN_INVALID");
  });
});
