import { expect } from "chai";
import { parseSettings } from "../../settings/parse-settings.ts";
import { createSite } from "../../template/site.ts";
import { STORAGE_LENS } from "./storage-lens.ts";

const SITE = createSite(parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333" }));

describe("Storage Lens", () => {
  it("pays for Storage Lens metrics when asked", () => {
    const read = (options: object) => JSON.stringify(STORAGE_LENS.connect(SITE, STORAGE_LENS.options.parse(options)));
    expect(read({})).to.not.contain("ActivityMetrics");
    expect(read({ advanced: true })).to.contain("ActivityMetrics");
  });
});
