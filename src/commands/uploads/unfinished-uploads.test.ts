import { expect } from "chai";
import { expectRefusal } from "../../testing/rigs/database/repository-subject.ts";
import { UnfinishedUploads } from "./unfinished-uploads.ts";

describe("UnfinishedUploads", () => {
  /** Uploads of callers, as a database has them; what is admitted is created at once. */
  const open = (uploadsMax: number) => {
    const [uploads, clock] = [new Map<string, number>(), { now: 0, counts: 0 }];
    const unfinished = new UnfinishedUploads(
      async (caller) => {
        clock.counts++;
        const all = [...uploads.values()].reduce((sum, count) => sum + count, 0);
        return { all, own: uploads.get(caller) ?? 0 };
      },
      { uploadsMax, now: () => clock.now },
    );
    const create = async (caller: string) => {
      await unfinished.admit(caller);
      uploads.set(caller, (uploads.get(caller) ?? 0) + 1);
    };
    return { uploads, clock, create };
  };

  it("lets one caller have all but an eighth, and all callers so many", async () => {
    const { uploads, create } = open(800);
    for (let created = 0; created < 700; created++) await create("a");
    const refusal = await expectRefusal(create("a"), "OVERLOADED");
    expect(refusal).to.include({ code: "resource_exhausted", retryAfterMs: 1000 });
    expect(refusal.message).to.include("the limit is 800, and 700 for one caller; complete or abort some of them");
    for (let created = 0; created < 100; created++) await create("b");
    await expectRefusal(create("b"), "OVERLOADED");
    expect([...uploads.values()]).to.deep.equal([700, 100]);
  });

  it("counts with the first, and then as seldom as after each hundredth part of the bound", async () => {
    const { clock, create } = open(10_000);
    for (let created = 0; created < 1000; created++) await create("a");
    expect(clock.counts).to.equal(10);
  });

  it("counts once for all who come at the same time", async () => {
    const { clock, create } = open(10_000);
    await Promise.all(Array.from({ length: 100 }, () => create("a")));
    expect(clock.counts).to.equal(1);
  });

  it("counts for who was refused at most once a second, and lets it go on once some have ended", async () => {
    const { uploads, clock, create } = open(8);
    uploads.set("a", 7);
    for (let tried = 0; tried < 5; tried++) await expectRefusal(create("a"), "OVERLOADED");
    expect(clock.counts).to.equal(1);
    uploads.set("a", 6);
    await expectRefusal(create("a"), "OVERLOADED");
    clock.now += 1000;
    await create("a");
    await expectRefusal(create("a"), "OVERLOADED");
  });
});
