import { expect } from "chai";
import { numberEntries } from "./number-entries.ts";

describe("numberEntries", () => {
  it("looks again and again, and ends so that its lease can be asked for anew", async () => {
    let looks = 0;
    const relay = { numberNew: async () => ++looks };
    await numberEntries(relay, { everyMs: 0, looksMax: 5, signal: new AbortController().signal });
    expect(looks).to.equal(5);
  });

  it("ends at once when it is told to, also in the middle of a wait", async () => {
    const stopping = new AbortController();
    let looks = 0;
    const relay = {
      numberNew: async () => {
        if (++looks === 2) setImmediate(() => stopping.abort());
        return 0;
      },
    };
    const numbering = numberEntries(relay, { everyMs: 0, looksMax: 2, signal: stopping.signal });
    await numbering;
    await numberEntries(relay, { everyMs: 3_600_000, looksMax: 9, signal: stopping.signal });
    expect(looks).to.equal(2);
  });

  it("fails as the relay does", async () => {
    const relay = { numberNew: () => Promise.reject(new Error("away")) };
    const failure = await numberEntries(relay, { everyMs: 0, looksMax: 2, signal: new AbortController().signal }).catch(
      (error: Error) => error.message,
    );
    expect(failure).to.equal("away");
  });
});
