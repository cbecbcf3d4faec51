import { expect } from "chai";
import { ByRegion } from "./by-region.ts";

describe("ByRegion", () => {
  it("makes each region's value once", () => {
    const made: string[] = [];
    const values = new ByRegion((region) => made.push(region));
    expect([values.of("a"), values.of("b"), values.of("a")]).to.deep.equal([1, 2, 1]);
    expect(made).to.deep.equal(["a", "b"]);
  });

  it("keeps the 64 that were asked for last", () => {
    const made: string[] = [];
    const values = new ByRegion((region) => made.push(region));
    values.of("home");
    for (let number = 0; number < 63; number++) values.of(`region-${number}`);
    values.of("home");
    values.of("region-63");
    values.of("home");
    expect(made).to.have.lengthOf(65);
    values.of("region-0");
    expect(made).to.have.lengthOf(66);
  });
});
