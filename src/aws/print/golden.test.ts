import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { createGoldenFiles, GOLDEN_DIRECTORY } from "../../testing/aws/golden-files.ts";

describe("golden configurations", () => {
  const directory = join(import.meta.dirname, "../../..", GOLDEN_DIRECTORY);
  const files = createGoldenFiles();

  it("are kept, each of them and no other", async () => {
    expect(await readdir(directory)).to.have.members(Object.keys(files));
  });

  for (const [name, text] of Object.entries(files)) {
    it(`${name} is what the generator makes; "npm run generate:golden" writes it anew`, async () => {
      expect(text).to.equal(await readFile(join(directory, name), "utf8"));
    });
  }
});
