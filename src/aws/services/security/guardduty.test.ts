import { expect } from "chai";
import { parseSettings } from "../../settings/parse-settings.ts";
import { createSite } from "../../template/site.ts";
import { GUARDDUTY } from "./guardduty.ts";

const SITE = createSite(parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333" }));

describe("GuardDuty", () => {
  it("shuts the gate on the prefixes that are scanned, for all but the scanner and the write role", () => {
    const { bucketStatements = [] } = GUARDDUTY.connect(SITE, GUARDDUTY.options.parse({ prefixes: ["files/in/"] }));
    expect(bucketStatements.map(({ effect, resources }) => [effect, resources])).to.deep.equal([
      ["Deny", ["arn:aws:s3:::my-files/files/in/*"]],
      ["Deny", ["arn:aws:s3:::my-files/files/in/*"]],
      ["Deny", ["arn:aws:s3:::my-files/files/in/*"]],
    ]);
    expect(bucketStatements[0]?.conditions?.ArnNotEquals?.["aws:PrincipalArn"]).to.deep.equal([
      "arn:aws:iam::111122223333:role/my-files-guardduty",
      "arn:aws:iam::111122223333:role/my-files-write",
    ]);
  });

  it("scans and tags without a gate when asked", () => {
    const connection = GUARDDUTY.connect(SITE, GUARDDUTY.options.parse({ gate: false }));
    expect(connection).to.not.have.property("bucketStatements");
    expect(connection.resources).to.have.nested.property("GuarddutyPlan.properties.Actions.Tagging.Status", "ENABLED");
  });

  it("takes five prefixes and no sixth", () => {
    const isTaken = (count: number) =>
      GUARDDUTY.options.safeParse({ prefixes: Array.from({ length: count }, (_, index) => `${index}/`) }).success;
    expect([0, 1, 5, 6].map(isTaken)).to.deep.equal([false, true, true, false]);
  });
});
