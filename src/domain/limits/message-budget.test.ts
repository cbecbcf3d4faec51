import { expect } from "chai";
import type { DomainError } from "../errors.ts";
import { MessageBudget, type MessageRoom } from "./message-budget.ts";

describe("MessageBudget", () => {
  const TOTAL = 800;
  let budget: MessageBudget;
  let refused: string[];
  beforeEach(() => {
    budget = new MessageBudget(TOTAL);
    refused = [];
  });

  /** Opens room for a message of a caller; its name is noted when it loses that. */
  const open = (caller: string, name: string) => budget.open(caller, ({ reason }) => refused.push(`${name} ${reason}`));
  const take = (caller: string, name: string, bytes: number) => {
    const room = open(caller, name);
    budget.grow(room, bytes);
    return room;
  };
  const refusal = (room: MessageRoom, bytes: number) => {
    try {
      budget.grow(room, bytes);
    } catch (error) {
      return error as DomainError;
    }
    return expect.fail("nothing was refused");
  };

  it("counts messages until they are given back, once", () => {
    const room = take("a", "1", 100);
    budget.grow(room, 50);
    take("b", "2", 30);
    expect(budget.usedBytes).to.equal(180);
    budget.release(room);
    budget.release(room);
    expect(budget.usedBytes).to.equal(30);
  });

  it("refuses the largest arriving message of a caller who would take the eighth of others", () => {
    take("a", "small", 100);
    take("a", "large", 400);
    take("a", "medium", 200);
    expect(refused).to.deep.equal([]);
    take("a", "last", 1);
    expect(refused).to.deep.equal(["large OVERLOADED"]);
    expect(budget.usedBytes).to.equal(301);
  });

  it("refuses the message itself where it is the largest, or as large as another", () => {
    take("a", "first", 400);
    const error = refusal(open("a", "second"), 400);
    expect(error).to.include({ code: "resource_exhausted", reason: "OVERLOADED", retryAfterMs: 1000 });
    expect(error.message).to.include("counted with 400 bytes");
    expect(error.details).to.deep.equal({ messages_bytes_max: 800, caller_messages_bytes_max: 700 });
    expect([refused, budget.usedBytes]).to.deep.equal([[], 400]);
  });

  it("takes from the caller who has most, so that another's small message always finds room", () => {
    for (let index = 0; index < 7; index++) take("greedy", String(index), 100);
    take("b", "of another", 100);
    take("c", "of a third", 10);
    expect(refused).to.deep.equal(["0 OVERLOADED"]);
    expect(budget.usedBytes).to.equal(710);
  });

  it("leaves messages that have arrived alone, and refuses the new one where nothing else can go", () => {
    const whole = [take("a", "1", 350), take("b", "2", 400)];
    for (const room of whole) budget.noteWhole(room);
    refusal(open("c", "3"), 51);
    expect([refused, budget.usedBytes]).to.deep.equal([[], 750]);
    budget.release(whole[0] as MessageRoom);
    take("c", "3", 51);
    expect(budget.usedBytes).to.equal(451);
  });

  it("refuses a message that alone is too large for one caller", () => {
    refusal(open("a", "1"), 701);
    expect(budget.usedBytes).to.equal(0);
  });
});
