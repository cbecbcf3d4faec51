import { expect } from "chai";
import { configure } from "./configure.ts";
import { SERVICES } from "./services/services.ts";

describe("configure with names that every object has", () => {
  const text = 'bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\n';
  const linesOf = (more: string, services: string[] = []) => {
    try {
      configure({ file: { text: `${text}${more}`, name: "settings" }, services });
      return [];
    } catch (error) {
      return (error as Error).message.split("\n").map((line) => line.split(";")[0]);
    }
  };

  it("knows none of them as a setting, a service or an option", () => {
    expect(linesOf("constructor: 1\n")).to.deep.equal(["settings:4:1: constructor is no setting"]);
    expect(linesOf("__proto__: {a: 1}\n")).to.deep.equal(["settings:4:1: __proto__ is no setting"]);
    const option = "services.athena.toString is no setting";
    expect(linesOf("services: {athena: {toString: 1}}\n")).to.deep.equal([`settings:4:21: ${option}`]);
    for (const name of ["constructor", "toString", "__proto__"]) {
      const sentence = `settings:1:1: there is no AWS service "${name}" to switch on`;
      expect(linesOf("", [name])).to.deep.equal([sentence]);
    }
  });
});

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
