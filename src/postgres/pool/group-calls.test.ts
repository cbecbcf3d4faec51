import { AsyncLocalStorage } from "node:async_hooks";
import { expect } from "chai";
import { settle } from "../../testing/fakes/settle.ts";
import { BorderCall } from "./border-call.ts";
import { groupCalls } from "./group-calls.ts";

const LIMITS = { statementsMax: 1, callsMax: 10 };

/** An error of PostgreSQL's with its code. */
function failure(code: string): Error {
  return Object.assign(new Error(`failed with ${code}`), { code });
}

describe("groupCalls", () => {
  it("answers each call with its own value or error", async () => {
    const call = groupCalls<number, string>(
      async (numbers) => numbers.map((number) => (number === 2 ? new Error("two") : `${number}`)),
      LIMITS,
    );
    const answers = await Promise.allSettled([call(1), call(2), call(3)]);
    expect(
      answers.map((answer) => (answer.status === "fulfilled" ? answer.value : answer.reason.message)),
    ).to.deep.equal(["1", "two", "3"]);
  });

  it("makes each call alone where a statement fails for the values of one", async () => {
    const groups: number[][] = [];
    const call = groupCalls<number, number>(async (numbers) => {
      groups.push([...numbers]);
      if (numbers.includes(2)) throw failure("23505");
      return numbers;
    }, LIMITS);
    const answers = await Promise.allSettled([call(1), call(2), call(3)]);
    expect(answers.map(({ status }) => status)).to.deep.equal(["fulfilled", "rejected", "fulfilled"]);
    expect(groups).to.deep.equal([[1, 2, 3], [1], [2], [3]]);
  });

  it("fails all calls of a statement that fails otherwise", async () => {
    for (const code of ["57P01", "53100", "40P01", "23514"]) {
      let statements = 0;
      const call = groupCalls<number, number>(async () => {
        statements++;
        throw failure(code);
      }, LIMITS);
      const answers = await Promise.allSettled([call(1), call(2)]);
      expect(
        answers.map(({ status }) => status),
        code,
      ).to.deep.equal(["rejected", "rejected"]);
      expect(statements, code).to.equal(1);
    }
  });

  it("cuts a statement when all of its calls have been given up, and not before", async () => {
    const cuts: (Error | undefined)[] = [];
    const groups: { numbers: readonly number[]; call: BorderCall | undefined; end: () => void }[] = [];
    const call = groupCalls<number, number>((numbers) => {
      const { promise, resolve } = Promise.withResolvers<readonly number[]>();
      const current = BorderCall.current;
      current?.begin(() => cuts.push(current.cause));
      groups.push({ numbers, call: current, end: () => resolve(numbers) });
      return promise;
    }, LIMITS);
    const [first, second, third] = [new BorderCall(), new BorderCall(), new BorderCall()];
    const answers = [first, second].map((caller, index) => caller.run(() => call(index)));
    await settle();
    const next = third.run(() => call(3));
    first.giveUp(new Error("first"));
    expect(cuts).to.deep.equal([]);
    second.giveUp(new Error("second"));
    expect(cuts.map((cause) => cause?.message)).to.deep.equal(["second"]);
    groups[0]?.end();
    await Promise.all(answers);
    await settle();
    expect(groups.map(({ numbers }) => numbers)).to.deep.equal([[0, 1], [3]]);
    expect(groups[1]?.call?.cause, "of the next statement").to.equal(undefined);
    groups[1]?.end();
    expect(await next).to.equal(3);
  });

  it("makes no call that was given up while it waited, whoever else waits", async () => {
    const made: number[][] = [];
    const call = groupCalls<number, number>(async (numbers) => {
      made.push([...numbers]);
      if (numbers.length > 1) throw failure("22003");
      caller.giveUp(new Error("too late"));
      return numbers;
    }, LIMITS);
    const [early, caller] = [new BorderCall(), new BorderCall()];
    const answers = [early.run(() => call(1)), call(2), caller.run(() => call(3))];
    early.giveUp(new Error("too early"));
    expect(await outcomesOf(answers)).to.deep.equal(["too early", 2, "too late"]);
    expect(made).to.deep.equal([[2, 3], [2]]);
    const last = caller.run(() => call(4));
    expect(await outcomesOf([last])).to.deep.equal(["too late"]);
    expect(made).to.have.length(2);
  });

  it("begins so many statements at a time, of so many calls at most, in the order of the calls", async () => {
    const ends: (() => void)[] = [];
    const made: number[][] = [];
    const call = groupCalls<number, number>(
      async (numbers) => {
        made.push([...numbers]);
        await new Promise<void>((resolve) => ends.push(resolve));
        return numbers;
      },
      { statementsMax: 2, callsMax: 3 },
    );
    const answers: Promise<number>[] = [];
    for (const number of [1, 2]) {
      answers.push(call(number));
      await settle();
    }
    answers.push(...[3, 4, 5, 6, 7].map((number) => call(number)));
    await settle();
    expect(made).to.deep.equal([[1], [2]]);
    for (let ended = 0; ended < 4; ended++) {
      ends[ended]?.();
      await settleTwice();
    }
    expect(await Promise.all(answers)).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
    expect(made).to.deep.equal([[1], [2], [3, 4, 5], [6, 7]]);
  });

  it("runs a statement in the context of its first call, and never in that of another statement", async () => {
    const request = new AsyncLocalStorage<number>();
    const contexts: [number | undefined, readonly number[]][] = [];
    const ends: (() => void)[] = [];
    const call = groupCalls<number, number>(async (numbers) => {
      contexts.push([request.getStore(), numbers]);
      await new Promise<void>((resolve) => ends.push(resolve));
      return numbers;
    }, LIMITS);
    const ask = (...numbers: number[]) => numbers.map((number) => request.run(number, () => call(number)));
    const answers = [...ask(1, 2)];
    await settle();
    answers.push(...ask(3, 4));
    for (let ended = 0; ended < 2; ended++) {
      ends[ended]?.();
      await settleTwice();
    }
    await Promise.all(answers);
    expect(contexts).to.deep.equal([
      [1, [1, 2]],
      [3, [3, 4]],
    ]);
  });
});

/** A statement that ends begins the next one, which is sent after the poll phase. */
async function settleTwice(): Promise<void> {
  await settle();
  await settle();
}

async function outcomesOf(answers: Promise<number>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(answers);
  return settled.map((answer) => (answer.status === "fulfilled" ? answer.value : answer.reason.message));
}
