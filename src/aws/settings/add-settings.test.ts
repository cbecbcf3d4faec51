import { expect } from "chai";
import { addSettings } from "./add-settings.ts";

describe("addSettings", () => {
  it("keeps comments and other settings, joins lists and merges maps", () => {
    const text = `# Ours
bucket: my-files # the files
statements:
  - Sid: One
existing:
  corsRules: []
services:
  lambda: true
`;
    const added = addSettings(text, {
      statements: [{ Sid: "Two" }],
      existing: { corsRules: [{ MaxAge: 1 }], lifecycleRules: [] },
    });
    expect(added).to.equal(`# Ours
bucket: my-files # the files
statements:
  - Sid: One
  - Sid: Two
existing:
  corsRules:
    - MaxAge: 1
services:
  lambda: true
`);
  });

  it("replaces single values, and begins a text that is empty", () => {
    expect(addSettings("region: eu-west-1\n", { region: "eu-central-1" })).to.equal("region: eu-central-1\n");
    expect(addSettings("", { account: "011122223333", statements: [] })).to.equal('account: "011122223333"\n');
    expect(addSettings("# nothing\n", { bucket: "b" })).to.contain("bucket: b\n");
  });
});
