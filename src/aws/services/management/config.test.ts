import { expect } from "chai";
import { parseSettings } from "../../settings/parse-settings.ts";
import { createSite } from "../../template/site.ts";
import { CONFIG } from "./config.ts";

const SITE = createSite(parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333" }));

describe("AWS Config", () => {
  it("uses the recorder that the account has, and makes one when asked", () => {
    expect(CONFIG.connect(SITE, CONFIG.options.parse({}))).to.not.have.property("resources");
    const made = CONFIG.connect(SITE, CONFIG.options.parse({ recorder: "create" })).resources;
    expect(made).to.have.all.keys("ConfigRole", "ConfigRecorder", "ConfigChannel");
  });
});
