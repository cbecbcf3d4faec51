import { expect } from "chai";
import { createRandom } from "../../stage/seeded-random.ts";
import { inventHistory } from "./invent-history.ts";
import { findPorcupine, type HistoryJudge, judgeByOwnCheck } from "./judge-history.ts";
import { isLinearizable } from "./linearize.ts";
import { SAMPLE_HISTORIES } from "./sample-histories.ts";

describe("the judges of histories", () => {
  for (const [name, find] of [
    ["the own check", () => judgeByOwnCheck],
    ["porcupine", findPorcupine],
  ] as const) {
    describe(name, () => {
      let judge: HistoryJudge;
      before(function () {
        const found = find();
        if (found === undefined) {
          console.log("skipped: porcupine's program is not built (.ci/run builds it, where Go is)");
          this.skip();
        }
        judge = found;
      });

      for (const { name, isLinearizable, operations } of SAMPLE_HISTORIES) {
        it(`${isLinearizable ? "accepts" : "refuses"} ${name}`, async () => {
          const { problems } = await judge(operations);
          expect(problems).to.deep.equal(isLinearizable ? [] : ["refused: the history of pair 0 is not linearizable"]);
        });
      }

      it("names the pair that is wrong among others", async () => {
        const [good, bad] = [SAMPLE_HISTORIES[0]!.operations, SAMPLE_HISTORIES[1]!.operations];
        const all = [...good.map((one) => ({ ...one, pair: 3 })), ...bad.map((one) => ({ ...one, pair: 7 }))];
        expect((await judge(all)).problems).to.deep.equal(["refused: the history of pair 7 is not linearizable"]);
      });

      it("accepts what a right service answers to many callers, and refuses it with one wrong answer", async () => {
        for (let seed = 1; seed <= 10; seed++) {
          const random = createRandom(seed);
          const operations = inventHistory(random, { calls: 80, callers: 4 });
          expect((await judge(operations)).problems, `seed ${seed}`).to.deep.equal([]);
          const reads = operations.filter(({ kind, outcome }) => kind === "get" && outcome === "ok");
          const wrong = reads[Math.floor(random() * reads.length)]!;
          const spoilt = operations.map((one) => (one === wrong ? { ...one, generation: one.generation! + 1 } : one));
          expect((await judge(spoilt)).problems, `seed ${seed}, spoilt`).to.have.length(1);
        }
      });
    });
  }

  it("find out about hundreds of calls, dozens of which nobody knows the outcome of", async () => {
    for (const judge of [judgeByOwnCheck, findPorcupine()]) {
      for (let seed = 1; seed <= 3; seed++) {
        const operations = inventHistory(createRandom(seed), { calls: 450, callers: 10 });
        expect((await judge?.(operations))?.problems ?? [], `seed ${seed}`).to.deep.equal([]);
      }
    }
  });

  it("say that they did not find out, rather than accept", () => {
    expect(isLinearizable(SAMPLE_HISTORIES[0]!.operations, 1)).to.equal(undefined);
  });
});
