import { expect } from "chai";
import { OwnSlots, type SilentStream, UploadSlots } from "./upload-slots.ts";

/** A process with slots, whose silent streams the test names. */
function createProcess(slots: UploadSlots) {
  const silent: SilentStream[] = [];
  const ended: string[] = [];
  let searches = 0;
  const account = slots.open({
    listSilent: async () => {
      searches++;
      return [...silent];
    },
    endSilent: async (caller) => {
      const longest = silent.filter((one) => one.caller === caller).sort((a, b) => b.silentMs - a.silentMs)[0];
      if (longest === undefined) return;
      silent.splice(silent.indexOf(longest), 1);
      ended.push(`${caller} ${longest.silentMs}`);
      account.giveBack(caller);
    },
  });
  const takeAll = async (caller: string, count: number) => {
    for (let taken = 0; taken < count; taken++) expect(await account.take(caller)).to.equal(undefined);
  };
  return {
    account,
    silent,
    ended,
    takeAll,
    get searches() {
      return searches;
    },
  };
}

describe("UploadSlots", () => {
  it("gives one caller all but an eighth, over all processes together", async () => {
    const slots = new UploadSlots(16);
    const [one, other] = [createProcess(slots), createProcess(slots)];
    await one.takeAll("a", 10);
    await other.takeAll("a", 4);
    expect([await one.account.take("a"), await other.account.take("a")]).to.deep.equal(["share", "share"]);
    await other.takeAll("b", 2);
    one.account.giveBack("a");
    await other.takeAll("a", 1);
    expect(await one.account.take("b")).to.equal("all");
    expect(await other.account.take("a"), "its share is taken, whatever else is").to.equal("share");
  });

  it("gives 875 of 1000 to one caller", async () => {
    const { account, takeAll } = createProcess(new UploadSlots(1000));
    await takeAll("a", 875);
    expect(await account.take("a")).to.equal("share");
    await takeAll("b", 125);
    expect(await account.take("c")).to.equal("all");
  });

  it("takes back what a process had that has ended, and what comes too late for it", async () => {
    const slots = new UploadSlots(8);
    const [one, other] = [createProcess(slots), createProcess(slots)];
    await one.takeAll("a", 7);
    const late = one.account.take("b");
    one.account.close();
    await late;
    await other.takeAll("a", 7);
    await other.takeAll("b", 1);
  });

  it("ends the longest silent stream of the caller with the most slots, once all are taken", async () => {
    const slots = new UploadSlots(8);
    const [one, other] = [createProcess(slots), createProcess(slots)];
    await one.takeAll("a", 3);
    await other.takeAll("a", 2);
    await other.takeAll("b", 2);
    one.silent.push({ caller: "a", silentMs: 6000 }, { caller: "a", silentMs: 9000 });
    other.silent.push({ caller: "a", silentMs: 7000 }, { caller: "b", silentMs: 60_000 });
    await one.takeAll("c", 1);
    expect([one.ended, other.ended], "one was free").to.deep.equal([[], []]);
    await one.takeAll("c", 1);
    await other.takeAll("d", 1);
    expect([one.ended, other.ended]).to.deep.equal([["a 9000"], ["a 7000"]]);
    await other.takeAll("d", 1);
    expect([one.ended, other.ended], "a has three by then, more than anybody").to.deep.equal([
      ["a 9000", "a 6000"],
      ["a 7000"],
    ]);
    await other.takeAll("d", 1);
    expect(other.ended, "of those that have most, b has the only silent one").to.deep.equal(["a 7000", "b 60000"]);
  });

  it("searches once for all who wait, and for a second not again when it found too few", async () => {
    let now = 0;
    const slots = new UploadSlots(8, { now: () => now });
    const process = createProcess(slots);
    await process.takeAll("a", 7);
    await process.takeAll("b", 1);
    for (const silentMs of [5000, 5001]) process.silent.push({ caller: "a", silentMs });
    const answers = await Promise.all(["b", "b", "c", "c"].map((caller) => process.account.take(caller)));
    expect(answers).to.deep.equal([undefined, undefined, "all", "all"]);
    expect(process.searches).to.be.lessThan(3);
    const { searches } = process;
    process.silent.push({ caller: "a", silentMs: 5002 });
    expect(await process.account.take("c")).to.equal("all");
    expect(process.searches).to.equal(searches);
    now += 1000;
    expect(await process.account.take("c")).to.equal(undefined);
  });

  it("searches for nobody whose own share is taken", async () => {
    const process = createProcess(new UploadSlots(8));
    await process.takeAll("a", 7);
    await process.takeAll("b", 1);
    process.silent.push({ caller: "a", silentMs: 5000 });
    expect(await process.account.take("a")).to.equal("share");
    expect(process.searches).to.equal(0);
  });
});

describe("OwnSlots", () => {
  it("are those of one process", async () => {
    const slots = new OwnSlots(2);
    slots.serve({ listSilent: async () => [], endSilent: async () => {} });
    expect([await slots.take("a"), await slots.take("a"), await slots.take("a")]).to.deep.equal([
      ...[undefined, undefined],
      "share",
    ]);
    slots.giveBack("a");
    expect(await slots.take("b")).to.equal(undefined);
  });
});
