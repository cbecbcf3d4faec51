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
      services: { datasync: options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

describe("AWS DataSync", () => {
  const namesWith = (options: object | true) =>
    Object.keys(connect(options).resources).filter((name) => name.startsWith("Datasync"));

  it("makes a location and a role for each direction", () => {
    expect(namesWith({ direction: "from" })).to.deep.equal(["DatasyncReadRole", "DatasyncFilesLocation"]);
    expect(namesWith({ direction: "to" })).to.deep.equal(["DatasyncWriteRole", "DatasyncExternalLocation"]);
    expect(namesWith(true)).to.have.length(4);
  });

  it("writes below the external prefix and never among the files", () => {
    const { DatasyncReadRole, DatasyncWriteRole } = connect(true).resources;
    expect(JSON.stringify(DatasyncReadRole)).to.not.contain("s3:PutObject");
    expect(JSON.stringify(DatasyncWriteRole))
      .to.contain("my-files/external/datasync/*")
      .and.not.contain("my-files/files/");
  });
});
