import { expect } from "chai";
import { AwayTimes } from "./away-times.ts";

describe("AwayTimes", () => {
  it("counts nothing when nothing was away", () => {
    expect(new AwayTimes().shareOf(1000)).to.equal(0);
  });

  it("adds times by the shares of calls that they concern", () => {
    const away = new AwayTimes();
    away.add(0, 100, 1);
    away.add(200, 500, 1 / 3);
    expect(away.shareOf(1000)).to.be.closeTo(0.2, 1e-9);
  });

  it("counts a time once in which several things were away", () => {
    const away = new AwayTimes();
    away.add(0, 100, 1);
    away.add(50, 150, 1);
    away.add(0, 100, 0.5);
    expect(away.shareOf(1000)).to.be.closeTo(0.15, 1e-9);
    away.add(200, 300, 0.5);
    away.add(200, 300, 0.5);
    expect(away.shareOf(1000)).to.be.closeTo(0.225, 1e-9);
  });
});
