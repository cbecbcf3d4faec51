import { expect } from "chai";
import { formatCommitPosition, laterPosition, parseCommitPosition } from "./commit-position.ts";
import { DomainError } from "./errors.ts";

describe("parseCommitPosition", () => {
  it("reads what formatCommitPosition writes", () => {
    for (const position of [1n, 1024n, 2n ** 53n + 1n, 2n ** 63n - 1n])
      expect(parseCommitPosition(formatCommitPosition(position))).to.equal(position);
  });

  it("refuses anything else, with its value", () => {
    for (const text of ["", "0", "-1", "01", "1.5", "16/B3", "1".repeat(20), "1\r\nx: y", "'; DROP TABLE file", " 1"]) {
      expect(() => parseCommitPosition(text), text)
        .to.throw(DomainError, `sluice-position is ${JSON.stringify(text)}`)
        .with.property("reason", "ARGUMENT_INVALID");
    }
  });
});

describe("laterPosition", () => {
  it("is the greater one, or the only one", () => {
    expect([laterPosition(9n, 10n), laterPosition(10n, 9n)]).to.deep.equal([10n, 10n]);
    expect([laterPosition(undefined, 1n), laterPosition(1n, undefined)]).to.deep.equal([1n, 1n]);
    expect(laterPosition(undefined, undefined)).to.equal(undefined);
  });
});
