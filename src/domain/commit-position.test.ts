import { expect } from "chai";
import { formatCommitPosition, parseCommitPosition } from "./commit-position.ts";
import { DomainError } from "./errors.ts";

describe("parseCommitPosition", () => {
  it("orders positions as the database does", () => {
    expect(parseCommitPosition("0/0")).to.equal(0n);
    expect(parseCommitPosition("1/0") > parseCommitPosition("0/FFFFFFFF")).to.equal(true);
    expect(parseCommitPosition("FFFFFFFF/FFFFFFFF")).to.equal(2n ** 64n - 1n);
  });

  it("reads what formatCommitPosition writes", () => {
    for (const text of ["0/0", "0/1A", "16/B374D848", "FFFFFFFF/FFFFFFFF"]) {
      expect(formatCommitPosition(parseCommitPosition(text))).to.equal(text);
    }
  });

  it("refuses anything else, with its value", () => {
    for (const text of ["", "16", "16/", "/16", "16/b3", "16/123456789", "1/1\r\nx: y", "'; DROP TABLE file", " 1/1"]) {
      expect(() => parseCommitPosition(text), text)
        .to.throw(DomainError, `sluice-position is ${JSON.stringify(text)}`)
        .with.property("reason", "ARGUMENT_INVALID");
    }
  });
});
