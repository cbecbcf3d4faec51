import { expect } from "chai";
import { looksLikeIamToken } from "../domain/access/iam-token.ts";
import { catchError } from "../testing/samples/sample-records.ts";
import type { Authenticator } from "./authenticator.ts";
import { refuseToken } from "./bearer-token.ts";
import { chooseByForm, looksLikeJwt } from "./choose-authenticator.ts";

describe("chooseByForm", () => {
  let asked: string[];
  const judge =
    (name: string): Authenticator =>
    async () => {
      asked.push(name);
      throw refuseToken("TOKEN_INVALID", "the token is refused");
    };
  const judges = [
    { hasForm: looksLikeIamToken, authenticate: judge("iam") },
    { hasForm: looksLikeJwt, authenticate: judge("oidc") },
  ];
  const send = (token: string) => chooseByForm(judges, judge("dev"))(() => `Bearer ${token}`);
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
});
