import { expect } from "chai";
import { toFigures } from "./attacks/attack-figures.ts";
import { attacksWithToken } from "./attacks/attacks-with-token.ts";
import { attacksWithoutToken } from "./attacks/attacks-without-token.ts";
import { type AttackResult, runAttacks } from "./attacks/run-attacks.ts";
import { quantile } from "./metadata/call-load.ts";
import { setStage } from "./stage.ts";

/**
 * All attacks together take less than a minute: a second each, and as long on a listener that does nothing, with a fifth of the
 * connections and calls, which cost the attacker a minute of its own.
 */
const run = { seconds: 1, settleSeconds: 0, quietSeconds: 0, scale: 0.2, files: 2000 };
/** A second on a machine that runs other tests beside it: what is measured over 30 s must be half. */
const OTHERS_AT_LEAST = 0.2;
const MEDIAN_AT_LEAST = 0.5;
/** Over what it takes beside the same attacker on an inert listener: how busy the machine is cannot fail the test. */
const LIVEZ_P99_MS_OVER_AT_MOST = 1000;
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
      expect(figures.others, "others' calls ÷ those beside an inert listener").to.be.at.least(OTHERS_AT_LEAST);
      const livezBesideMs = quantile(result.outcomes[index]!.livezBesideMs, 0.99) ?? 0;
      expect(figures.livezP99Ms, "/livez, p99 in ms").to.be.at.most(livezBesideMs + LIVEZ_P99_MS_OVER_AT_MOST);
      expect(figures.peakMib, "memory over before, in MiB").to.be.at.most(PEAK_MIB_AT_MOST);
    });
  }

  it("serves others half as much as without, in the middle", () => {
    const others = result.outcomes.map((outcome) => toFigures(outcome).others).sort((a, b) => a - b);
    expect(others[others.length >> 1]).to.be.at.least(MEDIAN_AT_LEAST);
  });
});
