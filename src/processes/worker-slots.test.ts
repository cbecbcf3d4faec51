import { EventEmitter } from "node:events";
import { expect } from "chai";
import { ManualClock } from "../testing/fakes/manual-clock.ts";
import { type SilentStream, UploadSlots } from "../transfer/upload-slots.ts";
import { channelOf, lendSlots, WorkerSlots } from "./worker-slots.ts";

/** Both ends of a worker, joined without a process: each receives the other's messages at once. */
function createWorker(lent: UploadSlots, { workers = 2 } = {}) {
  const inside = Object.assign(new EventEmitter(), {
    connected: true,
    send: (message: unknown) => outside.hear(message),
  });
  const outside = Object.assign(new EventEmitter(), {
    isConnected: () => inside.connected,
    send: (message: unknown) => inside.emit("message", message),
    hear: (message: unknown) => outside.emit("message", message),
  });
  lendSlots(lent, outside as unknown as Parameters<typeof lendSlots>[1]);
  const slots = new WorkerSlots(channelOf(inside as unknown as NodeJS.Process), { slotsMax: lent.slotsMax, workers });
  const silent: SilentStream[] = [];
  const serve = () =>
    slots.serve({
      listSilent: async () => silent,
      endSilent: async (caller) => {
        silent.splice(0, 1);
        slots.giveBack(caller);
      },
    });
  const takeAll = async (caller: string, count: number) => {
    for (let taken = 0; taken < count; taken++) expect(await slots.take(caller)).to.equal(undefined);
  };
  return { slots, silent, serve, takeAll, inside, outside };
}

describe("Slots of workers", () => {
  it("are taken by whoever needs them, and by one caller no more than its share of all", async () => {
    const lent = new UploadSlots(16);
    const [one, other] = [createWorker(lent), createWorker(lent)];
    await one.takeAll("a", 12);
    await other.takeAll("a", 2);
    expect(await Promise.all([one.slots.take("a"), other.slots.take("a")])).to.deep.equal(["share", "share"]);
    await other.takeAll("b", 2);
    expect(await one.slots.take("c")).to.equal("all");
    other.slots.giveBack("b");
    await one.takeAll("c", 1);
  });

  it("come back from a worker that has ended", async () => {
    const lent = new UploadSlots(10);
    const [one, other] = [createWorker(lent), createWorker(lent)];
    await one.takeAll("a", 7);
    one.slots.giveBack("a");
    one.outside.emit("exit");
    await other.takeAll("a", 9);
    await other.takeAll("b", 1);
  });

  it("are not given to a worker whose channel is closed, nor asked for through it", async () => {
    const lent = new UploadSlots(10);
    const [one, other] = [createWorker(lent), createWorker(lent)];
    one.inside.connected = false;
    void one.slots.take("a");
    one.slots.giveBack("a");
    one.outside.hear({ slots: "take", id: 1, caller: "a" });
    one.outside.emit("exit");
    await other.takeAll("a", 9);
    await other.takeAll("b", 1);
  });

  it("are given up by the silent streams of another worker when all are taken", async () => {
    const lent = new UploadSlots(8);
    const [one, other] = [createWorker(lent), createWorker(lent)];
    for (const { serve } of [one, other]) serve();
    await one.takeAll("a", 7);
    one.silent.push({ caller: "a", silentMs: 5000 });
    await other.takeAll("b", 2);
    expect(one.silent).to.deep.equal([]);
    expect(await other.slots.take("b")).to.equal("all");
  });

  describe("while a worker does not answer", () => {
    const clock = new ManualClock();
    beforeEach(() => clock.install());
    afterEach(() => clock.uninstall());

    it("are refused without it, after half a second", async () => {
      const lent = new UploadSlots(8);
      const [one, other] = [createWorker(lent), createWorker(lent)];
      other.serve();
      await one.takeAll("a", 7);
      await other.takeAll("b", 1);
      const asked = other.slots.take("b");
      // The search begins in the same turn.
      await Promise.resolve();
      clock.tick(500);
      expect(await asked).to.equal("all");
    });
  });

  it("do not mind other messages", async () => {
    const { takeAll, serve, inside, outside } = createWorker(new UploadSlots(8));
    serve();
    for (const message of [null, "take", 7, {}, { slots: "all" }, { slots: 7 }, { slots: "answer", id: 99 }]) {
      outside.hear(message);
      inside.emit("message", message);
    }
    await takeAll("a", 7);
  });

  it("are kept free by each worker in so small a number that nobody misses them", () => {
    const spareOf = (slotsMax: number, workers: number) =>
      createWorker(new UploadSlots(slotsMax), { workers }).slots.spareMax;
    expect([spareOf(1000, 2), spareOf(100, 2), spareOf(31, 2), spareOf(1000, 64)]).to.deep.equal([8, 3, 0, 0]);
  });
});
