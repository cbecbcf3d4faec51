import { PassThrough } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect } from "chai";
import type { DomainError } from "../../domain/errors.ts";
import { MessageBudget } from "../../domain/limits/message-budget.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import type { NodeRequest } from "../listener/node-messages.ts";
import { MessageArrival } from "./message-arrival.ts";
import { PARSED_TIMES } from "./message-limits.ts";

describe("MessageArrival", () => {
  const LIMITS = { maxBytes: 100_000, timeoutMs: 60_000 };
  let body: PassThrough;
  let arrival: MessageArrival;
  let budget: MessageBudget;

  const open = (headers: Record<string, string> = {}) => {
    body = new PassThrough();
    const request = Object.assign(body, { headers, aborted: false, socket: { remoteAddress: "192.0.2.1" } });
    return new MessageArrival(request as unknown as NodeRequest);
  };
  beforeEach(() => {
    arrival = open();
    budget = new MessageBudget(1000 * PARSED_TIMES);
  });

  const collect = async (limits = LIMITS) => {
    const pieces: Buffer[] = [];
    for await (const piece of arrival.read(limits)) pieces.push(Buffer.from(piece));
    return pieces;
  };
  const reasonOf = async (read: Promise<unknown>) => {
    const error = (await catchError(() => read)) as DomainError;
    return `${error.code} ${error.reason}`;
  };

  it("reads nothing before it is asked to", async () => {
    body.end("abc");
    await new Promise(setImmediate);
    expect([arrival.receivedBytes, arrival.isWhole, arrival.isBrokenOff]).to.deep.equal([0, false, false]);
    expect((await arrival.readWhole(LIMITS)).toString()).to.equal("abc");
    expect([arrival.receivedBytes, arrival.isWhole, arrival.isBrokenOff]).to.deep.equal([3, true, false]);
  });

  it("hands small pieces on together, in their order, and large ones as they are", async () => {
    const small = Buffer.from(Array.from({ length: 20_000 }, (_, index) => index % 251));
    const large = Buffer.alloc(50_000, 255);
    for (const byte of small) body.write(Buffer.of(byte));
    body.write(large);
    body.end("z");
    const pieces = await collect();
    expect(Buffer.concat(pieces).equals(Buffer.concat([small, large, Buffer.from("z")]))).to.equal(true);
    expect(pieces.length).to.be.at.most(1 + 20_000 / 8192 + 2 + 50_000 / 8192);
  });

  it("knows neither an address nor a length that is not there", () => {
    expect([arrival.address, arrival.declaredBytes]).to.deep.equal(["192.0.2.1", undefined]);
    expect(open({ "content-length": "12" }).declaredBytes).to.equal(12);
    expect(open({ "content-length": "-1" }).declaredBytes).to.equal(undefined);
  });

  it("takes exactly the limit, and not a byte more", async () => {
    body.end(Buffer.alloc(100_000));
    expect(await arrival.readWhole(LIMITS)).to.have.length(100_000);
    arrival = open();
    body.end(Buffer.alloc(100_001));
    expect(await reasonOf(arrival.readWhole(LIMITS))).to.equal("resource_exhausted MESSAGE_TOO_LARGE");
    arrival = open({ "content-length": "100001" });
    expect(() => arrival.assertDeclaredWithin(LIMITS.maxBytes)).to.throw("the limit is 100000");
    expect(await reasonOf(arrival.readWhole(LIMITS))).to.equal("resource_exhausted MESSAGE_TOO_LARGE");
    expect(arrival.receivedBytes, "read").to.equal(0);
  });

  it("says what is wrong as an error of Connect to Connect", async () => {
    body.end(Buffer.alloc(100_006));
    const error = await catchError(() => collect());
    expect(error).to.be.instanceOf(ConnectError).and.to.include({ code: Code.ResourceExhausted });
  });

  it("gives up a message that is not whole in time, however evenly it comes", async () => {
    const dripping = setInterval(() => body.write("a"), 1);
    try {
      expect(await reasonOf(arrival.readWhole({ ...LIMITS, timeoutMs: 30 }))).to.equal("aborted STALLED");
      expect(arrival.isBrokenOff).to.equal(true);
    } finally {
      clearInterval(dripping);
    }
  });

  it("says that the caller is gone", async () => {
    const read = arrival.readWhole(LIMITS);
    body.write("abc");
    body.destroy();
    expect(await reasonOf(read)).to.equal("aborted CALLER_GONE");
  });

  describe("counted against a budget", () => {
    beforeEach(() => arrival.holdFor("a", budget));

    it("is counted as what it may become, until it is released", async () => {
      body.end(Buffer.alloc(100));
      await arrival.readWhole(LIMITS);
      arrival.noteInflated(50);
      expect(budget.usedBytes).to.equal(150 * PARSED_TIMES);
      arrival.holdFor("b", budget);
      arrival.release();
      expect(budget.usedBytes).to.equal(0);
    });

    it("is refused in the middle for another's message, and what came is given back", async () => {
      const read = arrival.readWhole(LIMITS);
      body.write(Buffer.alloc(800));
      await new Promise(setImmediate);
      expect(budget.usedBytes).to.equal(800 * PARSED_TIMES);
      const room = budget.open("b", () => {});
      budget.grow(room, 300 * PARSED_TIMES);
      expect(await reasonOf(read)).to.equal("resource_exhausted OVERLOADED");
      expect(budget.usedBytes).to.equal(300 * PARSED_TIMES);
      body.write(Buffer.alloc(800));
      await new Promise(setImmediate);
      expect(budget.usedBytes).to.equal(300 * PARSED_TIMES);
    });

    it("is not refused any more once it is whole", async () => {
      body.end(Buffer.alloc(800));
      await arrival.readWhole(LIMITS);
      expect(() =>
        budget.grow(
          budget.open("b", () => {}),
          300 * PARSED_TIMES,
        ),
      ).to.throw("memory for messages is short");
      arrival.refuse(new Error("late"));
      expect(arrival.isWhole).to.equal(true);
    });
  });
});
