import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function connect(options: object | true) {
  const { template, connections } = generateConfiguration(
    parseSettings({
      bucket: "my-files",
      region: "eu-central-1",
      account: "111122223333",
      residency: ["eu-central-1", "eu-west-1"],
      services: { transfer: options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

describe("AWS Transfer Family", () => {
  it("lets users delete below the external prefix unless told otherwise", () => {
    expect(JSON.stringify(connect(true).resources.TransferRole)).to.contain("s3:DeleteObject");
    expect(JSON.stringify(connect({ delete: false }).resources.TransferRole)).to.not.contain("s3:DeleteObject");
  });

  it("says how each user is kept to a home directory, within the length of a session policy", () => {
    const { connection } = connect({ delete: false });
    const note = connection?.notes?.find((text) => text.includes("session policy")) ?? "";
    const policy = note.slice(note.indexOf("{"));
    expect(policy.length).to.be.below(2048);
    expect(JSON.parse(policy)).to.have.nested.property(
      "Statement[1].Resource",
      `arn:aws:s3:::my-files/external/transfer/\${transfer:UserName}/*`,
    );
    expect(policy).to.not.contain("s3:DeleteObject");
  });
});
