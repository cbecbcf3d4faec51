import { expect } from "chai";
import { catchError, sampleFile } from "../../testing/samples/sample-records.ts";
import { assertEtag, parseEtag } from "./file-etag.ts";

describe("parseEtag", () => {
  for (const etag of ["", "some.7", "' OR 1=1 --", "\u00e9\u{1f600}"]) {
    it(`takes ${JSON.stringify(etag)}`, () => expect(parseEtag(etag)).to.equal(etag));
  }

  for (const etag of ["\u0000", "a\r\nx-evil: 1", "\u007f"]) {
    it(`refuses ${JSON.stringify(etag)}`, async () => {
      const refusal = { code: "invalid_argument", reason: "ARGUMENT_INVALID", field: "file.etag" };
      expect(await catchError(async () => parseEtag(etag, "file.etag"))).to.include(refusal);
    });
  }
});

describe("assertEtag", () => {
  const file = sampleFile({ metageneration: 2 });

  it("takes the file's, and none", () => {
    for (const etag of ["", `${file.fileId}.2`]) assertEtag(file, etag);
  });

  it("says what the etag is now, and cuts the other", async () => {
    const etag = "x".repeat(101);
    const error = await catchError(async () => assertEtag(file, etag, "file.etag"));
    expect(error).to.include({ code: "failed_precondition", reason: "ETAG_MISMATCH", field: "file.etag" });
    const details = { path: file.path, etag: "x".repeat(100), current_etag: `${file.fileId}.2` };
    expect(error).to.have.property("details").that.deep.equals(details);
  });
});
