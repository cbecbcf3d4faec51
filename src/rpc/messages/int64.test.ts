import { expect } from "chai";
import { catchError } from "../../testing/samples/sample-records.ts";
import { fromInt64, fromOptionalInt64 } from "./int64.ts";

describe("fromInt64", () => {
  it("takes what a number holds exactly", () => {
    for (const number of [0, -1, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]) {
      expect(fromInt64(BigInt(number), "offset")).to.equal(number);
    }
    expect(fromOptionalInt64(undefined, "offset")).to.equal(undefined);
  });

  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
    it(`refuses ${value} and names the field`, async () => {
      const error = await catchError(() => fromOptionalInt64(value, "size_bytes"));
      expect(error).to.include({ code: "invalid_argument", field: "size_bytes" });
      expect(error).to.have.property("message").that.contains(String(value));
    });
  }
});
