import { expect } from "chai";
import { createReadPool } from "./read-pool.ts";

describe("createReadPool", () => {
  it("waits 250 ms for a replica that is further behind, and then not again for a second", async () => {
    let now = 0;
    let isReplayed = false;
    const wait = async (ms: number) => {
      now += ms;
    };
    const replica = { oneFirst: async () => isReplayed };
    const { read } = createReadPool({
      ...{
        primary: "the primary" as never,
        openReplica: async () => replica as never,
        clock: { now: () => now, wait },
      },
    });
    const ask = async () => {
      const begun = now;
      const asked = await read(1n, async (pool) => pool as unknown);
      return [asked === replica ? "the replica" : asked, now - begun];
    };
    expect(await ask()).to.deep.equal(["the primary", 250]);
    now += 999;
    expect(await ask()).to.deep.equal(["the primary", 0]);
    now += 1;
    expect(await ask()).to.deep.equal(["the primary", 250]);
    isReplayed = true;
    expect(await ask()).to.deep.equal(["the replica", 0]);
  });
});
