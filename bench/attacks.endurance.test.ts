import { expect } from "chai";
import { toFigures } from "./attacks/attack-figures.ts";
import { attacksWithToken } from "./attacks/attacks-with-token.ts";
import { attacksWithoutToken } from "./attacks/attacks-without-token.ts";
import { type AttackResult, runAttacks } from "./attacks/run-attacks.ts";
import { setStage } from "./stage/stage.ts";

/**
 * A short run: all attacks together take less than a minute. Each attack takes one second, and one more on a listener that does
 * nothing. Only a fifth of the connections and calls are made, because the full number costs the attacker a minute by itself.
 */
const run = { seconds: 1, settleSeconds: 0, quietSeconds: 0, scale: 0.2, files: 2000 };
/**
 * `npm run bench:attacks` measures how much the others still get, and how soon, on a machine that does nothing else. Beside
 * other tests, both figures would tell more about the machine than about the service. So this test checks only that nobody is
 * locked out and that memory is bounded.
 */
const PEAK_MIB_AT_MOST = 150;

describe("A service that is attacked", () => {
  const attacks = [...attacksWithoutToken, ...attacksWithToken];
  let result: AttackResult;

  before(async function () {
    if (process.platform !== "linux") {
      console.log("    skipped: attacks come from 127.0.0.2, which only Linux has without a word");
      this.skip();
    }
    const { stage, clear } = await setStage(0);
    try {
      result = await runAttacks(attacks, { stage, run, report: () => undefined });
    } finally {
      await clear();
    }
  });

  for (const [index, { id, title }] of attacks.entries()) {
    it(`goes on to serve others under ${title} (${id})`, () => {
      const figures = toFigures(result.outcomes[index]!);
      expect(figures.others, "others' calls ÷ those beside an inert listener").to.be.above(0);
      expect(figures.peakMib, "memory over before, in MiB").to.be.at.most(PEAK_MIB_AT_MOST);
    });
  }
});
