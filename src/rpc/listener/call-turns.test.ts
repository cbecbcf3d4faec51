import { expect } from "chai";
import { settle } from "../../testing/fakes/settle.ts";
import { useManualClock } from "../../testing/fakes/use-manual-clock.ts";
import { CallTurns } from "./call-turns.ts";

const LIMITS = { callsBegunMax: 40, callsWaitingMax: 1000, callHoldMs: 1000 };

describe("CallTurns", () => {
  const { pass } = useManualClock();
  let turns: CallTurns;
  /** The connections of the calls that have begun, in their order. */
  let begun: string[];
  beforeEach(() => {
    turns = new CallTurns(LIMITS);
    begun = [];
  });

  const connections = new Map<string, object>();
  const enter = (name: string): object => {
    const connection = connections.get(name) ?? {};
    connections.set(name, connection);
    const key = {};
    turns.enter(connection, key, () => begun.push(name));
    return key;
  };
  /** A call that is over as soon as it has begun, as most are. */
  const enterShort = (name: string): boolean => {
    const connection = connections.get(name) ?? {};
    connections.set(name, connection);
    const key = {};
    // Calls that an earlier test has left waiting write to lists of their own.
    const own = { turns, begun };
    return own.turns.enter(connection, key, () => {
      own.begun.push(name);
      own.turns.leave(key);
    });
  };
  const countOf = (name: string) => begun.filter((other) => other === name).length;

  it("begins a call at once where its connection has few", () => {
    enter("a");
    enter("b");
    expect(begun).to.deep.equal(["a", "b"]);
  });

  it("begins few of many calls at once, and a newcomer's before the rest", async () => {
    for (let i = 0; i < 500; i++) enterShort("flood");
    const atOnce = begun.length;
    expect(atOnce).to.be.lessThan(50);
    enterShort("other");
    expect(begun.at(-1)).to.equal("other");
    await settle();
    expect(begun.length - atOnce, "of the next round").to.be.lessThan(50);
  });

  it("begins all of them in time, in their order of each connection", async () => {
    const order: number[] = [];
    for (let i = 0; i < 500; i++) {
      const key = {};
      turns.enter(order, key, () => {
        order.push(i);
        turns.leave(key);
      });
    }
    for (let round = 0; round < 100; round++) await settle();
    expect(order).to.deep.equal(Array.from({ length: 500 }, (_, i) => i));
  });

  it("lets connections that all have many take turns", async () => {
    for (const name of ["x", "y", "z"]) for (let i = 0; i < 300; i++) enterShort(name);
    begun.length = 0;
    for (let round = 0; round < 10; round++) await settle();
    expect(countOf("x")).to.be.greaterThan(10);
    for (const name of ["y", "z"]) expect(Math.abs(countOf("x") - countOf(name))).to.be.at.most(1);
  });

  it("divides a round among the connections that call at the same time", async () => {
    for (const name of ["p", "q", "r"]) enterShort(name);
    for (let i = 0; i < 100; i++) enterShort("flood");
    expect(countOf("flood"), "of the 16 of a round, beside three others").to.equal(4);
    for (let round = 0; round < 100; round++) await settle();
    expect(countOf("flood")).to.equal(100);
  });

  it("holds back the calls of a connection that has too many under way, until one is over", async () => {
    const keys = Array.from({ length: 60 }, () => enter("slow"));
    for (let round = 0; round < 20; round++) await settle();
    expect(begun.length).to.equal(LIMITS.callsBegunMax);
    turns.leave(keys[0] as object);
    turns.leave(keys[0] as object);
    for (let round = 0; round < 20; round++) await settle();
    expect(begun.length).to.equal(LIMITS.callsBegunMax + 1);
    enter("other");
    expect(begun.at(-1)).to.equal("other");
    await pass(LIMITS.callHoldMs);
  });

  it("holds back no longer than a while: what lasts waits for something else", async () => {
    for (let i = 0; i < 3 * LIMITS.callsBegunMax; i++) enter("slow");
    for (let round = 0; round < 20; round++) await settle();
    expect(begun.length).to.equal(LIMITS.callsBegunMax);
    await pass(LIMITS.callHoldMs - 1);
    expect(begun.length).to.equal(LIMITS.callsBegunMax);
    for (const wanted of [2, 3]) {
      await pass(LIMITS.callHoldMs);
      for (let round = 0; round < 20; round++) await settle();
      expect(begun.length).to.equal(wanted * LIMITS.callsBegunMax);
    }
  });

  it("never begins a call that has left before its turn", async () => {
    for (let i = 0; i < 20; i++) enterShort("a");
    const before = begun.length;
    turns.leave(enter("a"));
    for (let round = 0; round < 20; round++) await settle();
    expect([before, begun.length]).to.deep.equal([16, 20]);
  });

  it("refuses calls beyond those that may wait", async () => {
    const taken = Array.from({ length: 2000 }, () => enterShort("a"));
    expect(taken.filter((isTaken) => isTaken).length).to.equal(LIMITS.callsWaitingMax + 16);
    expect(taken[0]).to.equal(true);
    for (let round = 0; round < 100; round++) await settle();
    expect(begun.length).to.equal(LIMITS.callsWaitingMax + 16);
  });
});
