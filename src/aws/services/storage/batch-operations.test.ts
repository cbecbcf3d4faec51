import { expect } from "chai";
import { parseSettings } from "../../settings/parse-settings.ts";
import { createSite } from "../../template/site.ts";
import { BATCH_OPERATIONS } from "./batch-operations.ts";

const SITE = createSite(parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333" }));

describe("Batch Operations", () => {
  it("lets batch jobs copy outside of Sluice's keys alone, and only when asked", () => {
    const read = (options: object) =>
      JSON.stringify(BATCH_OPERATIONS.connect(SITE, BATCH_OPERATIONS.options.parse(options)));
    expect(read({})).to.not.contain("external/");
    expect(read({ operations: ["restore", "copy"] }))
      .to.contain("external/batch-operations/*")
      .and.contain("s3:RestoreObject");
  });
});
