import { expectLinear, readOwnFiles } from "./linear-patterns.ts";
import { listPatterns } from "./pattern-rules.ts";

describe("all regular expressions of the code", () => {
  it("take time in proportion to the text that they read", async () => {
    await expectLinear(listPatterns(readOwnFiles()));
  });
});
