import { expect } from "chai";
import { WastedCalls } from "./wasted-calls.ts";

describe("WastedCalls", () => {
  it("shuts out an address that wastes too many calls, for ten seconds, and no other address", () => {
    let now = 0;
    const calls = new WastedCalls({ now: () => now });
    for (let i = 0; i < 2500; i++) expect(calls.note("192.0.2.1")).to.equal(true);
    expect(calls.isShutOut("192.0.2.1")).to.equal(false);
    expect(calls.note("192.0.2.1"), "one too many").to.equal(false);
    expect(calls.note("192.0.2.2")).to.equal(true);
    expect([calls.isShutOut("192.0.2.1"), calls.isShutOut("192.0.2.2")]).to.deep.equal([true, false]);
    now = 9999;
    expect(calls.isShutOut("192.0.2.1")).to.equal(true);
    now = 10_000;
    expect(calls.isShutOut("192.0.2.1")).to.equal(false);
    for (let i = 0; i < 100; i++) expect(calls.note("192.0.2.1"), "100 a second for ever").to.equal(true);
  });
});
