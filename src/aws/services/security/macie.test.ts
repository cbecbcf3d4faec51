import { expect } from "chai";
import { parseSettings } from "../../settings/parse-settings.ts";
import { createSite } from "../../template/site.ts";
import { MACIE } from "./macie.ts";

const SITE = createSite(parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333" }));

describe("Macie", () => {
  it("uses the session that the account has, and makes one when asked", () => {
    expect(MACIE.connect(SITE, MACIE.options.parse({}))).to.not.have.property("resources");
    expect(MACIE.connect(SITE, MACIE.options.parse({ session: "create" })).resources).to.have.all.keys("MacieSession");
  });
});
