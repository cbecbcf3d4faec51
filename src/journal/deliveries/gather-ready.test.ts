import { expect } from "chai";
import { gatherReady } from "./gather-ready.ts";

describe("gatherReady", () => {
  const collect = async (items: AsyncIterable<number>, max: number) => {
    const groups: number[][] = [];
    for await (const group of gatherReady(items, max)) groups.push(group);
    return groups;
  };

  it("yields what is ready in groups, none larger than it may be", async () => {
    const items = async function* () {
      for (let i = 0; i < 7; i++) yield i;
    };
    expect(await collect(items(), 3)).to.deep.equal([[0, 1, 2], [3, 4, 5], [6]]);
    expect(await collect(items(), 1)).to.have.length(7);
  });

  it("ends a group where the next item has to be waited for", async () => {
    const gate = Promise.withResolvers<void>();
    const items = async function* () {
      yield 1;
      yield 2;
      await gate.promise;
      yield 3;
    };
    const groups = gatherReady(items(), 10);
    expect((await groups.next()).value).to.deep.equal([1, 2]);
    gate.resolve();
    expect((await groups.next()).value).to.deep.equal([3]);
    expect((await groups.next()).done).to.equal(true);
  });

  it("yields all that came before a failure, and rejects then", async () => {
    const items = async function* () {
      yield 1;
      throw new Error("cut");
    };
    const groups = gatherReady(items(), 10);
    expect((await groups.next()).value).to.deep.equal([1]);
    // The consumer works on the group for a while: nobody else sees the rejection meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    const error = await groups.next().catch((reason) => reason);
    expect(error).to.have.property("message", "cut");
  });
});
