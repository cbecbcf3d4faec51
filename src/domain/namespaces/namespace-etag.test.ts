import { expect } from "chai";
import { catchError } from "../../testing/samples/sample-records.ts";
import { parseNamespaceEtag, toNamespaceEtag } from "./namespace-etag.ts";

describe("parseNamespaceEtag", () => {
  it("reads what toNamespaceEtag wrote, and nothing for any", () => {
    expect(parseNamespaceEtag(toNamespaceEtag({ version: 7 }))).to.deep.equal({ ifVersion: 7 });
    expect(parseNamespaceEtag("")).to.deep.equal({});
  });

  for (const etag of ['"7"', "7.5", "-7", " 7", "seven", "7\n", "1".repeat(16)]) {
    it(`refuses ${JSON.stringify(etag)}`, async () => {
      const error = await catchError(() => parseNamespaceEtag(etag));
      expect(error).to.include({ code: "invalid_argument", reason: "ARGUMENT_INVALID", field: "etag" });
    });
  }
});
