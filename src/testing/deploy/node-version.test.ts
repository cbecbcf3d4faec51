import { readFileSync } from "node:fs";
import { expect } from "chai";
import { IMAGE_NODE } from "../rigs/containers/test-image.ts";

describe("the version of Node", () => {
  it("is the same in the image as in development, to the minor one", () => {
    const { optionalDependencies } = JSON.parse(
      readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
    ) as { optionalDependencies: Record<string, string> };
    const versions = Object.entries(optionalDependencies).filter(([name]) => name.startsWith("node-"));
    expect(versions.length).to.be.at.least(5);
    for (const [name, version] of versions)
      expect(version.startsWith(`${IMAGE_NODE}.`), `${name} ${version}`).to.equal(true);
    expect(process.versions.node.startsWith(`${IMAGE_NODE}.`), process.version).to.equal(true);
  });
});
