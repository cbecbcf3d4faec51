import { expect } from "chai";
import { configure, type SettingsSource } from "./configure.ts";
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

describe("configure with several mistakes", () => {
  const messageOf = (more: string, source: Partial<SettingsSource> = {}) => {
    const text = `bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\n${more}`;
    try {
      configure({ file: { text, name: "settings" }, ...source });
      return [];
    } catch (error) {
      return (error as Error).message.split("\n");
    }
  };

  it("says at once what contradicts what, of one service, of two and of the whole", () => {
    const lines = messageOf(
      [
        "residency: [eu-central-1, cn-north-1]",
        "externalPrefix: files/a/",
        "services:",
        "  backup: {continuous: true, keepDays: 99, restore: true}",
        "  eventbridge: {logs: false, kmsKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/a'}",
        "  guardduty: true",
        "  replication: {bucket: my-models, region: us-east-1}",
        "  sagemaker: {outputBucket: my-models}",
        "  sns: {delivery: direct}",
        "  sqs: {delivery: direct}",
      ].join("\n"),
    );
    const starts = [
      "settings:5:1: externalPrefix files/a/ and keyPrefix files/ lie in one another",
      "settings:4:1: residency names cn-north-1, which lies in partition aws-cn",
      "settings:7:30: a continuous backup is kept 35 days at most, not 99",
      "settings:7:44: backups keep the tag by which GuardDuty says that a file is clean",
      "settings:8:17: nothing would be told of new files",
      "settings:8:30: services.eventbridge.kmsKeyArn lies in eu-west-1",
      "settings:10:36: replicas in us-east-1 would leave the residency",
      "settings:11:15: outputs need a bucket of their own, and my-models is used already",
      "settings:13:9: S3 notifies one service directly of a new file, not sns and sqs",
    ];
    expect(lines).to.have.length(starts.length);
    for (const start of starts)
      expect(
        lines.filter((line) => line.startsWith(start)),
        start,
      ).to.have.length(1);
  });

  it("refuses a gate for a part of the files", () => {
    const [line] = messageOf("services: {guardduty: {prefixes: [files/a/]}}\n");
    expect(line).to.contain("files/a/ is a part of files/").and.to.contain("or say gate: false");
    expect(messageOf("services: {guardduty: {prefixes: [files/a/], gate: false}}\n")).to.deep.equal([]);
    expect(messageOf("services: {guardduty: {prefixes: [files/, external/]}}\n")).to.deep.equal([]);
  });

  it("lets a backup be restored where the gate is open, or not there", () => {
    expect(messageOf("services: {backup: {restore: true}, guardduty: {gate: false}}\n")).to.deep.equal([]);
    expect(messageOf("services: {backup: {restore: true}}\n")).to.deep.equal([]);
    expect(messageOf("services: {backup: true, guardduty: true}\n")).to.deep.equal([]);
  });

  it("names the service whose option it is", () => {
    expect(messageOf("services: {athena: {receiptsMax: 3}}\n")[0]).to.match(
      /services.athena.receiptsMax is no setting; it is an option of sqs; known: resultDays, queryBytesMax$/,
    );
    expect(messageOf("services: {athena: {resultDay: 3}}\n")[0]).to.match(/did you mean "resultDays"\?$/);
  });

  it("refuses names of services beside all of them", () => {
    expect(messageOf("", { all: true, services: ["lambda"] })).to.deep.equal([
      'all services and lambda are asked for; leave out "all" for these alone, or the names for all',
    ]);
  });
});

describe("configure for a minimal file", () => {
  const values = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };
  const refuse = (source: Parameters<typeof configure>[0]) => {
    try {
      configure(source);
    } catch (error) {
      return (error as Error).message.split("\n");
    }
    return [];
  };

  it("takes it from the settings or from the caller", () => {
    const services = { lambda: true };
    const [one, other] = [
      configure({ values: { ...values, services }, minimal: true }),
      configure({ values: { ...values, services, minimal: true } }),
    ];
    expect(Object.keys(one.template.resources)).to.deep.equal(["DataBucket", "DataBucketPolicy", "LambdaRole"]);
    expect(other.template).to.deep.equal(one.template);
  });

  it("refuses it of all services, whoever says so", () => {
    const sentence = /a minimal file of all services is asked for, and it is for those that you name; leave out "all"/;
    expect(refuse({ values, all: true, minimal: true })[0]).to.match(sentence);
    const text = 'bucket: my-files\nregion: eu-central-1\naccount: "111122223333"\nminimal: true\n';
    expect(refuse({ file: { text, name: "settings" }, all: true })[0])
      .to.match(sentence)
      .and.to.match(/^settings:4:1: /);
  });

  it("refuses a network and consumers in it, and consumers beside a KMS key", () => {
    const consumers = [{ name: "partner", account: "444455556666" }];
    const network = { vpcEndpoints: ["vpce-0123456789abcdef0"] };
    expect(refuse({ values: { ...values, consumers, network }, minimal: true })).to.deep.equal([
      "a minimal file has no network; leave out network or minimal",
      "a minimal file has no consumers; leave out consumers or minimal",
    ]);
    expect(refuse({ values: { ...values, consumers, encryption: "kms" } })[0]).to.match(/no right on the KMS key/);
    expect(refuse({ values: { ...values, encryption: "kms" } })).to.deep.equal([]);
  });

  it("refuses what needs more than the bucket, each with what it needs", () => {
    const services = { inventory: true, "batch-operations": true, guardduty: true, lambda: true };
    expect(refuse({ values: { ...values, services, anchors: {}, logBucket: "my-logs" }, minimal: true })).to.deep.equal(
      [
        "a minimal file has one bucket, so that logBucket has no use; leave out logBucket or minimal",
        "a minimal file has one bucket, so that anchors has no use; leave out anchors or minimal",
        "Amazon S3 Batch Operations needs the log bucket, which a minimal file leaves out; leave out minimal, or switch batch-operations off",
        "Amazon GuardDuty Malware Protection for S3 needs Sluice's own roles, which a minimal file leaves out; leave out minimal, or switch guardduty off",
        "Amazon S3 Inventory needs the log bucket, which a minimal file leaves out; leave out minimal, or switch inventory off",
      ],
    );
    const eventBuses = ["arn:aws:events:eu-central-1:111122223333:event-bus/files"];
    expect(refuse({ values: { ...values, eventBuses }, minimal: true })).to.deep.equal([
      "a minimal file has no role that sends events; leave out eventBuses or minimal",
    ]);
    const open = { guardduty: { gate: false } };
    expect(refuse({ values: { ...values, services: open }, minimal: true })).to.deep.equal([]);
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
