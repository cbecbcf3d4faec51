import { expect } from "chai";
import { DomainError } from "../errors.ts";
import { fileNotFound } from "../repository-refusals.ts";
import { toOperationError } from "./operation-error.ts";

describe("toOperationError", () => {
  const tell = (message: string, request: object) =>
    toOperationError(new DomainError("not_found", message, { reason: "FILE_NOT_FOUND" }), request).message;

  it("says nothing of what was asked for, but which of it is meant", () => {
    const request = { path: "people/jane.txt", targetPath: "people/jane.txt/old", etag: "" };
    expect(tell("people/jane.txt/old is live, people/jane.txt is not", request)).to.equal(
      "the target is live, the source is not",
    );
    expect(tell('the filter author = "jane" is none', { filter: 'author = "jane"' })).to.equal(
      "the filter the filter is none",
    );
    const values = { metadata: { "jane's key": "jane (7)" }, labels: { of: "j$&" }, contentType: "text/jane" };
    expect(tell("jane's key: jane (7), j$&, text/jane", { values })).to.equal("…: …, …, …");
  });

  it("leaves words alone in which a short path happens to be", () => {
    expect(tell("a file a/b is not at a", { path: "a", targetPath: "a/b" })).to.equal(
      "the source file the target is not at the source",
    );
    expect(tell("all that was", { path: "a" })).to.equal("all that was");
  });

  it("keeps code and reason, and tells nothing of a defect", () => {
    expect(toOperationError(fileNotFound("p"), { path: "p" })).to.include({
      code: "not_found",
      reason: "FILE_NOT_FOUND",
    });
    expect(toOperationError(new Error("jane"), {})).to.deep.equal({
      ...{ code: "internal", reason: "INTERNAL", message: "internal error; the log of the service says more" },
    });
  });
});
