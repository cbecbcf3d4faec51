import { expect } from "chai";
import { toLifetimeSeconds } from "./download-lifetime.ts";

describe("toLifetimeSeconds", () => {
  it("takes whole seconds from 1 to 7 days", () => {
    expect([1000, 2000, 604_800_000].map(toLifetimeSeconds)).to.deep.equal([1, 2, 604_800]);
  });

  it("takes nothing that would be cut, or that S3 would refuse", () => {
    for (const ms of [0, 1, 999, 1001, 1500, -1000, 604_801_000, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(toLifetimeSeconds(ms), String(ms)).to.equal(undefined);
    }
  });
});
