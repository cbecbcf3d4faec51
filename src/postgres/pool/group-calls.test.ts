import { expect } from "chai";
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
});
