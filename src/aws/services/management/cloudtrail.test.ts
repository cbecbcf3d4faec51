import { expect } from "chai";
import { parseSettings } from "../../settings/parse-settings.ts";
import { createSite } from "../../template/site.ts";
import { CLOUDTRAIL } from "./cloudtrail.ts";

const SITE = createSite(parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333" }));

describe("CloudTrail", () => {
  it("leaves reads and the log group out of the trail", () => {
    const read = (options: object) => CLOUDTRAIL.connect(SITE, CLOUDTRAIL.options.parse(options)).resources;
    expect(read({})).to.include.keys("CloudtrailLogGroup", "CloudtrailRole");
    const least = read({ events: "write", logGroup: false });
    expect(least).to.have.all.keys("CloudtrailTrail");
    expect(JSON.stringify(least)).to.contain('{"Field":"readOnly","Equals":["false"]}');
  });
});
