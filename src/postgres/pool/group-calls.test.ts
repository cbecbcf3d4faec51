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

  it("refuses the queries of calls that were all given up while they waited, and of no others", async () => {
    const causes: (Error | undefined)[] = [];
    const call = groupCalls<number, number>(async (numbers) => {
      causes.push(BorderCall.current?.cause);
      return numbers;
    }, LIMITS);
    const [caller, other] = [new BorderCall(), new BorderCall()];
    const given = caller.run(() => call(1));
    caller.giveUp(new Error("too late"));
    await given;
    await other.run(() => call(2));
    expect(causes.map((cause) => cause?.message)).to.deep.equal(["too late", undefined]);
  });
});
