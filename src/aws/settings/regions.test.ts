import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { REGIONS } from "./regions.ts";

describe("the list of regions", () => {
  it("is that of the installed AWS SDK, but for the isolated partitions", async () => {
    const text = await readFile(fileURLToPath(import.meta.resolve("@aws-sdk/core/client")), "utf8");
    const known = [...text.matchAll(/"([a-z]{2}(?:-[a-z]+)+-\d)": \{\s*"?description/g)].map(([, name]) => name ?? "");
    expect(known).to.include("eu-central-1");
    expect(REGIONS).to.have.members(known.filter((name) => !/^[a-z]{2}-iso/.test(name)));
  });
});
