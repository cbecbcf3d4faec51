import { expect } from "chai";
import { parseGrpcTimeout } from "./grpc-timeout.ts";

describe("parseGrpcTimeout", () => {
  it("reads every unit", () => {
    const texts = ["2H", "3M", "4S", "5m", "6000u", "7000000n", "0m", "00000001S"];
    const expected = [7_200_000, 180_000, 4000, 5, 6, 7, 0, 1000];
    expect(texts.map(parseGrpcTimeout).map((ms) => Math.round(ms as number))).to.deep.equal(expected);
  });

  it("knows no deadline where none is said, nor one that no timer holds", () => {
    expect([undefined, "99999999H", "2147484S"].map(parseGrpcTimeout)).to.deep.equal([undefined, undefined, undefined]);
    expect(parseGrpcTimeout("2147483S")).to.equal(2_147_483_000);
  });

  for (const text of ["", "5", "S", "5s", "-5S", "5.5S", "123456789m", "5 S", "5S5S", `${"9".repeat(10_000)}S`]) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
      expect(() => parseGrpcTimeout(text))
        .to.throw("it is at most eight digits")
        .and.include({ code: "invalid_argument", field: "grpc-timeout" });
    });
  }
});
