import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { findCheckouts, ownDirectory } from "./checkout.ts";

describe("findCheckouts", () => {
  it("takes this checkout, and says where it is and at which commit", () => {
    const { before, after } = findCheckouts(ownDirectory);
    expect(join(before.directory, "/")).to.equal(after.directory);
    expect(after.label).to.match(/ at \S+/);
  });

  it("says what a folder lacks whose service cannot start", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-no-checkout-"));
    try {
      expect(() => findCheckouts(folder)).to.throw(
        `--against names ${folder}, which has no src/cli/main.ts; a checkout after "npm ci" is needed`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
