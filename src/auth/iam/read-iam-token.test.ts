import { expect } from "chai";
import { IAM_TOKEN_PREFIX, type SignedIdentity, writeIamToken } from "../../domain/access/iam-token.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { TOKEN_MAX_CHARACTERS } from "../bearer-token.ts";
import { looksLikeJwt } from "../choose-authenticator.ts";
import { parseAmzDate, readIamToken, SESSION_TOKEN_MAX_CHARACTERS } from "./read-iam-token.ts";

const SIGNED: SignedIdentity = {
  accessKeyId: "ASIAEXAMPLEUPLOADER0",
  region: "eu-central-1",
  date: "20261130T000000Z",
  expiresSeconds: 900,
  signature: "0123456789abcdef".repeat(4),
  sessionToken: "IQoJb3JpZ2luX2VjEXAMPLE/+abc==",
};
const longest = { accessKeyId: `ASIA${"A".repeat(124)}`, sessionToken: "A".repeat(SESSION_TOKEN_MAX_CHARACTERS) };

describe("readIamToken", () => {
  for (const [what, changes] of [
    ["of a session", {}],
    ["of a user", { accessKeyId: "AKIAEXAMPLEANNA00000", sessionToken: undefined }],
    ["of GovCloud", { region: "us-gov-west-1" }],
    ["with the longest fields", { ...longest, expiresSeconds: 604_800 }],
  ] as const) {
    it(`reads what was written for a token ${what}`, () => {
      const signed = { ...SIGNED, ...changes };
      expect(readIamToken(writeIamToken(signed))).to.deep.equal(signed);
    });
  }

  it("has tokens that are no JWTs, and whose longest is below the longest bearer token", () => {
    const token = writeIamToken({ ...SIGNED, ...longest });
    expect(looksLikeJwt(token)).to.equal(false);
    expect(token.length).to.be.below(TOKEN_MAX_CHARACTERS);
  });

  describe("refuses", () => {
    const fields: [field: string, changes: Partial<Record<keyof SignedIdentity, unknown>>][] = [
      ["key", { accessKeyId: "AROAEXAMPLEUPLOADER0" }],
      ["key", { accessKeyId: "ASIAEXAMPLE0000" }],
      ["key", { accessKeyId: `ASIA${"A".repeat(125)}` }],
      ["key", { accessKeyId: "ASIAEXAMPLE/20261130/eu-west-1" }],
      ["region", { region: "eu-central-9" }],
      ["region", { region: "aws-global" }],
      ["region", { region: "eu-central-1.evil.example" }],
      ["region", { region: "EU-CENTRAL-1" }],
      ["date", { date: "20261131T000000Z" }],
      ["date", { date: "20261301T000000Z" }],
      ["date", { date: "20261130T240000Z" }],
      ["date", { date: "2026-11-30T00:00:00Z" }],
      ["expires", { expiresSeconds: 0 }],
      ["expires", { expiresSeconds: 604_801 }],
      ["expires", { expiresSeconds: "1e3" }],
      ["expires", { expiresSeconds: "0900" }],
      ["signature", { signature: "0".repeat(63) }],
      ["signature", { signature: "0".repeat(65) }],
      ["signature", { signature: "A".repeat(64) }],
      ["session", { sessionToken: "" }],
      ["session", { sessionToken: "a b" }],
      ["session", { sessionToken: "a=b" }],
      ["session", { sessionToken: "A".repeat(SESSION_TOKEN_MAX_CHARACTERS + 1) }],
      ["session", { sessionToken: undefined }],
      ["session", { accessKeyId: "AKIAEXAMPLEANNA00000" }],
      ["session", { sessionToken: "a\n" }],
    ];
    for (const [field, changes] of fields) {
      it(`the field ${field} in ${JSON.stringify(changes).slice(0, 60)}`, async () => {
        const token = writeIamToken({ ...SIGNED, ...changes } as SignedIdentity);
        const error = await catchError(() => readIamToken(token));
        expect(error).to.include({ code: "unauthenticated", reason: "TOKEN_INVALID" });
        expect(error).to.have.property("message").that.contains(`the token's field ${field} `);
      });
    }

    const written = writeIamToken(SIGNED).slice(IAM_TOKEN_PREFIX.length);
    for (const [what, token] of [
      ["another version", `sluice-iam-v2.${written}`],
      ["no fields", IAM_TOKEN_PREFIX],
      ["padding", `${IAM_TOKEN_PREFIX}${written}=`],
      ["letters that base64url has not", `${IAM_TOKEN_PREFIX}+${written}`],
      ["another field", writeIamToken({ ...SIGNED, sessionToken: `${SIGNED.sessionToken}&x=y` })],
    ] as const) {
      it(what, async () => {
        expect(await catchError(() => readIamToken(token))).to.include({ reason: "TOKEN_INVALID" });
      });
    }
  });
});

describe("parseAmzDate", () => {
  it("knows the days of the calendar alone", () => {
    expect(parseAmzDate("20280229T235959Z")).to.equal(Date.UTC(2028, 1, 29, 23, 59, 59));
    for (const date of ["20270229T000000Z", "20261130", "", "20261130T000060Z"])
      expect(parseAmzDate(date), date).to.be.NaN;
  });
});
