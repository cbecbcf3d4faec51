import { expect } from "chai";
import { catchError, SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import type { Authenticator } from "./authenticator.ts";
import { refuseToken } from "./bearer-token.ts";
import { chooseByToken } from "./choose-authenticator.ts";

describe("chooseByToken", () => {
  let asked: string[];
  const judge =
    (name: string): Authenticator =>
    async () => {
      asked.push(name);
      if (name === "dev") return SAMPLE_CALLER;
      throw refuseToken("TOKEN_INVALID", "the token is refused");
    };
  const all = { oidc: judge("oidc"), iam: judge("iam"), dev: judge("dev") };
  const send = (token: string, judges = {}) => chooseByToken({ ...all, ...judges })(() => `Bearer ${token}`);
  beforeEach(() => {
    asked = [];
  });

  for (const [token, name] of [
    ["a.b.c", "oidc"],
    ["..", "oidc"],
    ["sluice-iam-v1.YQ", "iam"],
    ["sluice-iam-v1.a.b", "iam"],
    ["development-token", "dev"],
    ["a.b", "dev"],
    ["a.b.c.d", "dev"],
  ] as const) {
    it(`lets ${name} alone judge ${token}`, async () => {
      await catchError(() => send(token));
      expect(asked).to.deep.equal([name]);
    });
  }

  it("refuses a token of a form that nobody judges, and asks nobody", async () => {
    for (const token of ["a.b.c", "sluice-iam-v1.YQ"]) {
      const error = await catchError(() => send(token, { oidc: undefined, iam: undefined }));
      expect(error).to.include({ code: "unauthenticated", reason: "TOKEN_INVALID" });
    }
    expect(asked).to.deep.equal([]);
  });
});
