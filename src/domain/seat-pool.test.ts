import { expect } from "chai";
import { OwnSeats } from "./seat-pool.ts";

describe("OwnSeats", () => {
  it("gives what is free, and again what came back", async () => {
    const seats = new OwnSeats(3);
    expect([await seats.take(2), await seats.take(2), await seats.take(1)]).to.deep.equal([2, 1, 0]);
    seats.giveBack(2);
    expect([seats.takeNow(1), await seats.take(5)]).to.deep.equal([1, 1]);
  });
});
