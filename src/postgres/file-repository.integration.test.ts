import { expect } from "chai";
import { fileRepositoryContract } from "../testing/file-repository-contract.ts";
import { createPostgresSubject } from "../testing/postgres-subject.ts";
import { toPrefixEnd } from "./file-repository.ts";

describe("createFileRepository", () => {
  fileRepositoryContract(createPostgresSubject);
});

describe("toPrefixEnd", () => {
  it("raises the last character that can be raised", () => {
    expect(toPrefixEnd("a/")).to.equal("a0");
    expect(toPrefixEnd("a\u{10ffff}")).to.equal("b");
    expect(toPrefixEnd("\ud7ff")).to.equal("\ue000");
    expect(toPrefixEnd("\uffff")).to.equal("\u{10000}");
  });

  it("knows no end of what nothing can follow", () => {
    expect(toPrefixEnd("")).to.equal(undefined);
    expect(toPrefixEnd("\u{10ffff}\u{10ffff}")).to.equal(undefined);
  });
});
