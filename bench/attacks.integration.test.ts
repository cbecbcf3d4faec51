import { expect } from "chai";
import { toFigures } from "./attacks/attack-figures.ts";
import { attacksWithToken } from "./attacks/attacks-with-token.ts";
import { attacksWithoutToken } from "./attacks/attacks-without-token.ts";
import { type AttackResult, runAttacks } from "./attacks/run-attacks.ts";
import { setStage } from "./stage.ts";

/**
 * All attacks together take less than a minute: a second each, and as long on a listener that does nothing, with a fifth of the
 * connections and calls, which cost the attacker a minute of its own.
 */
const run = { seconds: 1, settleSeconds: 0, quietSeconds: 0, scale: 0.2, files: 2000 };
/**
 * How much others still get, and how soon, is measured by `npm run bench:attacks` on a machine that does nothing else: beside other
 * tests both say more of the machine than of the service. Here nobody may be locked out, and memory is bounded.
 */
const PEAK_MIB_AT_MOST = 150;

describe("A service that is attacked", function () {
  this.timeout(400_000);
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
