import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { findCfnLint } from "../aws/templates/cfn-lint.ts";
import { SITE } from "./bucket-stack.ts";

describe("deploy/ecs, by the linter of AWS", () => {
  it("passes cfn-lint", async function () {
    const linter = await findCfnLint();
    if (typeof linter === "string") {
      console.log(`    skipped: ${linter}`);
      return this.skip();
    }
    const paths = ["base", "service"].map((name) =>
      fileURLToPath(new URL(`../../../deploy/ecs/${name}.yaml`, import.meta.url)),
    );
    expect(await linter.lint(paths, SITE)).to.deep.equal([]);
  });
});
