import { expect } from "chai";
import { FairQueue, type Turn } from "./fair-queue.ts";

describe("FairQueue", () => {
  let queue: FairQueue<string>;
  beforeEach(() => {
    queue = new FairQueue();
  });
  const turn = (uploadId: string, namespace = "n"): Turn => ({ namespace, uploadId });
  /** Names say whose they are: "a1" is the first of upload a. */
  const push = (names: string, namespace?: string) => {
    for (const name of names.split(" ")) queue.push(turn(name.slice(0, 1), namespace), name);
  };
  const drain = () => {
    const order: (string | undefined)[] = [];
    while (!queue.isEmpty) {
      expect(queue.peek()).to.be.a("string");
      const next = queue.peek();
      expect(queue.shift()).to.equal(next);
      order.push(next);
    }
    return order.join(" ");
  };

  it("has nobody next where nobody waits", () => {
    expect([queue.isEmpty, queue.peek(), queue.shift()]).to.deep.equal([true, undefined, undefined]);
    queue.remove(turn("a"), "a1");
    expect(queue.isEmpty).to.equal(true);
  });

  it("serves one upload in the order it came", () => {
    push("a1 a2 a3");
    expect(drain()).to.equal("a1 a2 a3");
  });

  it("gives each upload one turn a round, however much of it waits", () => {
    push("a1 a2 a3 a4 b1 c1 b2");
    expect(drain()).to.equal("a1 b1 c1 a2 b2 a3 a4");
  });

  it("has who comes back within a round wait for the next one", () => {
    push("a1 b1 c1");
    expect(queue.shift()).to.equal("a1");
    push("a2");
    expect(drain()).to.equal("b1 c1 a2");
  });

  it("lets a newcomer into the round that runs", () => {
    push("a1 b1 a2 b2");
    queue.shift();
    push("c1");
    expect(drain()).to.equal("b1 c1 a2 b2");
  });

  it("alternates among namespaces within a round, and gives their uploads no more turns for it", () => {
    push("a1 b1 c1 d1 a2", "many");
    push("x1 x2", "one");
    expect(drain()).to.equal("a1 x1 b1 c1 d1 a2 x2");
  });

  it("forgets who gives up, from anywhere, without a turn being lost", () => {
    push("a1 a2 b1 c1");
    queue.remove(turn("a"), "a1");
    queue.remove(turn("b"), "b1");
    queue.remove(turn("b"), "b1");
    expect(drain()).to.equal("a2 c1");
    push("a1 a2 b1");
    queue.shift();
    queue.remove(turn("a"), "a2");
    expect(drain()).to.equal("b1");
  });

  it("lets nobody be served three times while another waits, and loses nothing, whatever comes", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const ownerOf = (uploadId: string) => turn(uploadId, String(Number(uploadId) % 3));
    /** What waits of each upload, in order, and how often others were served since its last turn. */
    const model = new Map<string, { items: string[]; turnsOfOthers: Map<string, number> }>();
    let served = 0;
    const serve = () => {
      const item = queue.shift() as string;
      const [uploadId = ""] = item.split("/");
      const one = model.get(uploadId);
      expect(one?.items.shift(), "first come, first served").to.equal(item);
      served++;
      for (const [other, { items, turnsOfOthers }] of model) {
        if (other === uploadId || items.length === 0) continue;
        const turns = (turnsOfOthers.get(uploadId) ?? 0) + 1;
        expect(turns, `turns of ${uploadId} while ${other} waited`).to.be.at.most(2);
        turnsOfOthers.set(uploadId, turns);
      }
      one?.turnsOfOthers.clear();
    };
    for (let step = 0; step < 2000; step++) {
      const uploadId = String(random(12));
      const one = model.get(uploadId) ?? { items: [] as string[], turnsOfOthers: new Map<string, number>() };
      model.set(uploadId, one);
      const action = random(10);
      if (action < 5) {
        if (one.items.length === 0) one.turnsOfOthers.clear();
        one.items.push(`${uploadId}/${step}`);
        queue.push(ownerOf(uploadId), `${uploadId}/${step}`);
      } else if (action < 6) {
        const [gone] = one.items.splice(random(one.items.length), 1);
        if (gone !== undefined) queue.remove(ownerOf(uploadId), gone);
      } else if (!queue.isEmpty) serve();
    }
    while (!queue.isEmpty) serve();
    expect([...model.values()].every(({ items }) => items.length === 0)).to.equal(true);
    expect(served).to.be.greaterThan(500);
  });
});
