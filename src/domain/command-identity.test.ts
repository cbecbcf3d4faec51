import { expect } from "chai";
import { SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import { parseUuid, toCommandIdentity } from "./command-identity.ts";
import type { Change } from "./deed.ts";
import type { DomainError } from "./errors.ts";

const REQUEST_ID = "0190A3B4-5c6d-7e8f-9a0b-1c2d3e4f5a6b";
const identify = (content: readonly unknown[], method: Change = "CreateUpload") =>
  toCommandIdentity(SAMPLE_CALLER, method, { namespace: "default", requestId: REQUEST_ID, content });
const hash = (...content: unknown[]) => Buffer.from(identify(content).contentSha256).toString("hex");

describe("toCommandIdentity", () => {
  it("names who calls what, where, under which id", () => {
    const identity = identify(["a"], "CopyFile");
    expect(identity).to.include({
      namespace: "default",
      principal: "dev:local",
      method: "CopyFile",
      requestId: "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
    });
    expect(identity.contentSha256).to.have.lengthOf(32);
  });

  it("hashes equal content alike", () => {
    expect(hash("path", 5, undefined, { b: "2", a: "1" })).to.equal(hash("path", 5, undefined, { a: "1", b: "2" }));
    expect(hash(Uint8Array.of(1, 2, 3))).to.equal(hash(Buffer.from([1, 2, 3])));
    expect(hash({ sha256: Uint8Array.of(255) })).to.equal(hash({ sha256: Buffer.from("ff", "hex") }));
  });

  it("hashes other content otherwise", () => {
    const contents = [
      ["a", "b"],
      ["b", "a"],
      ["ab"],
      ["a", 1],
      ["a", "1"],
      ["a", undefined],
      ["a"],
      [{ a: "1" }],
      [{ a: "2" }],
      [{ a: "1", b: "" }],
      [Uint8Array.of(1)],
      [Uint8Array.of(2)],
    ];
    expect(new Set(contents.map((content) => hash(...content))).size).to.equal(contents.length);
  });

  it("refuses what is no UUID, with an example", () => {
    for (const requestId of ["", "7", `${REQUEST_ID}0`, REQUEST_ID.replaceAll("-", ""), `{${REQUEST_ID}}`]) {
      const attempt = () => toCommandIdentity(SAMPLE_CALLER, "CopyFile", { namespace: "n", requestId, content: [] });
      expect(attempt).to.throw(requestId === "" ? "request_id is missing" : "request_id is not a UUID");
      try {
        attempt();
      } catch (error) {
        const refusal = error as DomainError;
        expect(refusal).to.include({ code: "invalid_argument", reason: "REQUEST_ID_INVALID", field: "request_id" });
        expect(refusal.message).to.match(/send one like [0-9a-f-]{36}$/);
      }
    }
  });
});

describe("parseUuid", () => {
  it("gives lower case, and names the field that is wrong", () => {
    expect(parseUuid(REQUEST_ID, "upload_id")).to.equal(REQUEST_ID.toLowerCase());
    try {
      parseUuid("x", "upload_id");
      expect.fail("taken");
    } catch (error) {
      expect(error).to.include({ reason: "ARGUMENT_INVALID", field: "upload_id" });
    }
  });
});
