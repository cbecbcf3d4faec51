import { expect } from "chai";
import { DomainError } from "./errors.ts";
import { formatPosition, parsePosition } from "./position.ts";

describe("parsePosition", () => {
  it("orders positions as the database does", () => {
    expect(parsePosition("0/0")).to.equal(0n);
    expect(parsePosition("1/0") > parsePosition("0/FFFFFFFF")).to.equal(true);
    expect(parsePosition("FFFFFFFF/FFFFFFFF")).to.equal(2n ** 64n - 1n);
  });

  it("reads what formatPosition writes", () => {
    for (const text of ["0/0", "0/1A", "16/B374D848", "FFFFFFFF/FFFFFFFF"]) {
      expect(formatPosition(parsePosition(text))).to.equal(text);
    }
  });

  it("refuses anything else, with its value", () => {
    for (const text of ["", "16", "16/", "/16", "16/b3", "16/123456789", "1/1\r\nx: y", "'; DROP TABLE file", " 1/1"]) {
      expect(() => parsePosition(text), text)
        .to.throw(DomainError, `sluice-position is ${JSON.stringify(text)}`)
        .with.property("reason", "ARGUMENT_INVALID");
    }
  });
});
