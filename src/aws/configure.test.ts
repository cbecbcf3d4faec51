import { expect } from "chai";
import { configure } from "./configure.ts";
import { SERVICES } from "./services.ts";

describe("configure with every service", () => {
  for (const [partition, region] of [
    ["aws", "eu-central-1"],
    ["aws-cn", "cn-north-1"],
    ["aws-us-gov", "us-gov-west-1"],
  ] as const) {
    it(`switches on all that ${partition} has, and nothing else`, () => {
      const { connections } = configure({ values: { bucket: "my-files", region, account: "111122223333" }, all: true });
      const there = SERVICES.filter(({ partitions }) => partitions === undefined || partitions.includes(partition));
      expect(connections.map(({ service }) => service.name)).to.deep.equal(there.map(({ name }) => name));
    });
  }

  it("leaves off what the file switches off", () => {
    const text = 'bucket: my-files\nregion: us-gov-west-1\naccount: "111122223333"\nservices: {macie: false}\n';
    const { connections } = configure({ file: { text, name: "sluice.aws.yaml" }, all: true });
    expect(connections.map(({ service }) => service.name))
      .to.include("firehose")
      .and.not.include("macie");
  });
});
