import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createMutantTrial } from "./try-mutant.ts";

const TREE = join(import.meta.dirname, "../..");
const FILE = "src/domain/memory/buffer-accounts.ts";
const MIXED_CALLERS = "src/ingest/mixed-callers.integration.test.ts";

/** Checks of the owner of received memory, and what stands in their place when they are taken out. */
const UNCHECKED = [
  {
    what: "gives a buffer back as soon as any of its bytes come back",
    check: "if (account.outBytes !== 0 || !account.isKnown) return;",
    by: "if (!account.isKnown) return;",
  },
];

describe("The test of mixed callers, when the owner of received memory does not check", () => {
  const source = readFileSync(join(TREE, FILE), "utf8");
  const tryMutant = createMutantTrial(TREE);

  for (const { what, check, by } of UNCHECKED) {
    it(`fails where it ${what}`, async () => {
      // The trial also runs the test with the source as it is: only then does the failure say something of the mutant.
      const [before = "", ...after] = source.split(check);
      expect(after, "places of the check in the source").to.have.length(1);
      const [start, end] = [before.length, before.length + check.length];
      const line = before.split("\n").length;
      const mutant = { file: FILE, line, kind: "check", start, end, replacement: by };
      const verdict = await tryMutant(mutant, { unit: [], integration: [MIXED_CALLERS] });
      expect(verdict).to.include({
        kind: "killed",
        by: `${MIXED_CALLERS} received memory, with a few callers on shared connections gives every caller its own bytes, stored and read`,
      });
      // A caller has ended with an error or with bytes that are not its own: the test does not only hang.
      expect(verdict)
        .to.have.property("says")
        .that.matches(/^caller \d+ /);
    });
  }
});
