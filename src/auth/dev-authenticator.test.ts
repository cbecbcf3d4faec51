import { expect } from "chai";
import { catchError } from "../testing/samples/sample-records.ts";
import { createDevAuthenticator } from "./dev-authenticator.ts";

describe("createDevAuthenticator", () => {
  const authenticate = createDevAuthenticator("s3cret");
  const send = (authorization: string | undefined | null) =>
    authenticate((name) => (name === "authorization" ? authorization : undefined));

  for (const header of ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "]) {
    it(`accepts ${JSON.stringify(header)}`, async () => {
      expect(await send(header)).to.deep.equal({ principal: "dev:local", groups: [], tokenKind: "dev" });
    });
  }

  for (const [header, reason] of [
    [undefined, "TOKEN_MISSING"],
    [null, "TOKEN_MISSING"],
    ["", "TOKEN_MISSING"],
    ["s3cret", "TOKEN_INVALID"],
    ["Basic s3cret", "TOKEN_INVALID"],
    ["Bearer", "TOKEN_INVALID"],
    ["Bearer s3cre", "TOKEN_INVALID"],
    ["Bearer s3cret2", "TOKEN_INVALID"],
    ["Bearer s3cret x", "TOKEN_INVALID"],
  ] as const) {
    it(`refuses ${JSON.stringify(header)} without repeating it`, async () => {
      const error = await catchError(() => send(header));
      expect(error).to.include({ code: "unauthenticated", reason });
      if (header) expect(error).to.have.property("message").that.does.not.contain("s3cre");
    });
  }

  it("refuses an empty token at start", () => {
    expect(() => createDevAuthenticator("")).to.throw("empty");
  });
});
