import { expect } from "chai";
import { measureHouse } from "./measure-house.ts";

describe("measureHouse", () => {
  it("counts lines by what they are for, the hall of src, and the fullest folder beside its tests", () => {
    const files = [
      { path: "src/main.ts", text: "a\n\n// b\n" },
      { path: "src/s3/errors.ts", text: "a\n" },
      { path: "src/s3/retries.ts", text: "a\n" },
      { path: "src/auth/a.test.ts", text: "a\nb\n" },
      { path: "src/auth/b.integration.test.ts", text: "a\n" },
      { path: "src/auth/b.ts", text: "a\n" },
      { path: "src/testing/rigs/a.ts", text: "a\n" },
      { path: "bench/a.ts", text: "a\n" },
      { path: "bench/a.test.ts", text: "a\n" },
    ];
    expect(measureHouse(files)).to.deep.equal({
      lines: { product: 6, tests: 4, rigs: 1, benches: 1 },
      hallFiles: 1,
      fullest: { folder: "src/s3", files: 2 },
    });
  });
});
