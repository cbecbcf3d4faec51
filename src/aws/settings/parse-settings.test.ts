import { expect } from "chai";
import { expectProblem, problemsOf, problemsWith } from "../../testing/aws/settings-problems.ts";
import { SERVICES } from "../services/services.ts";
import { parseSettings } from "./parse-settings.ts";
import { SettingsProblem } from "./settings-problem.ts";

const LEAST = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };

function manyTags(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`tag-${at}`, "value"]));
}

describe("parseSettings", () => {
  it("needs a bucket, a region and an account, and fills in the rest", () => {
    const settings = parseSettings(LEAST);
    expect(settings).to.include({ ...LEAST, partition: "aws", keyPrefix: "files/", externalPrefix: "external/" });
    expect(settings.residency).to.deep.equal(["eu-central-1"]);
    expect(settings.services).to.deep.equal({});
    expect(settings.compute).to.deep.equal({ ecs: true, podIdentity: true });
  });

  it("says of each that is left out that it is missing", () => {
    expect(problemsOf({}).map(({ message }) => message)).to.deep.equal([
      "bucket is missing",
      "region is missing",
      "account is missing",
    ]);
  });

  it("takes no settings that are not names with values", () => {
    for (const input of [null, 5, "bucket: my-files", []]) {
      expect(problemsOf(input).map(({ message }) => message)).to.deep.equal([
        'settings are names with values, such as "bucket: my-files"',
      ]);
    }
  });

  it("reports all that is wrong at once", () => {
    const error = (() => {
      try {
        return parseSettings({ bucket: "My_Files", region: "moon", account: "12" });
      } catch (thrown) {
        return thrown as AggregateError;
      }
    })() as AggregateError;
    expect(error.errors.every((problem) => problem instanceof SettingsProblem)).to.equal(true);
    expect(error.message.split("\n")).to.have.length(3);
  });

  it("knows the partition by the region", () => {
    expect(parseSettings({ ...LEAST, region: "cn-north-1" }).partition).to.equal("aws-cn");
    expect(parseSettings({ ...LEAST, region: "us-gov-west-1" }).partition).to.equal("aws-us-gov");
  });

  it("sorts the residency, so that its order changes no byte", () => {
    const settings = parseSettings({ ...LEAST, residency: ["eu-west-1", "eu-central-1"] });
    expect(settings.residency).to.deep.equal(["eu-central-1", "eu-west-1"]);
  });
});

describe("an account id that is none", () => {
  for (const account of ["1111", "1111222233334", "11112222333a", "1111-2222-3333", " 111122223333", ""]) {
    it(`is refused: "${account}"`, () => expectProblem({ account }, "account", /12 digits: "111122223333"/));
  }

  it("is refused as a number, which YAML makes of it without quotes", () => {
    expectProblem({ account: 12_345_678_901 }, "account", /in quotes; unquoted, YAML reads a number/);
  });

  it("may begin with zeros", () => {
    expect(parseSettings({ ...LEAST, account: "000000000012" }).account).to.equal("000000000012");
  });
});

describe("a bucket's name against S3's rules", () => {
  const REFUSED: Readonly<Record<string, RegExp>> = {
    ab: /3 to 63 characters/,
    ["a".repeat(64)]: /3 to 63 characters/,
    "My-files": /small letters/,
    my_files: /small letters/,
    "my files": /small letters/,
    "-my-files": /begins and ends with a letter or digit/,
    "my-files-": /begins and ends with a letter or digit/,
    ".my-files": /begins and ends with a letter or digit/,
    "my-files.": /begins and ends with a letter or digit/,
    "my..files": /no two dots/,
    "192.168.5.4": /not an IP address/,
    "xn--files": /kept by AWS/,
    "sthree-files": /kept by AWS/,
    "amzn-s3-demo-files": /kept by AWS/,
    "my-files-s3alias": /kept by AWS/,
    "my-files--ol-s3": /kept by AWS/,
    "my-files.mrap": /kept by AWS/,
    "my-files--x-s3": /kept by AWS/,
    "my-files--table-s3": /kept by AWS/,
  };
  for (const [bucket, sentence] of Object.entries(REFUSED)) {
    it(`refuses "${bucket.slice(0, 30)}"`, () => {
      const problems = problemsWith({ bucket });
      expect(new Set(problems.map(({ path }) => path.join(".")))).to.deep.equal(new Set(["bucket"]));
      expect(problems.map(({ message }) => message).join("\n")).to.match(sentence);
    });
  }

  for (const bucket of ["abc", "a".repeat(63), "my.files.2", "192.168.5.4a", "1-2"]) {
    it(`takes "${bucket.slice(0, 30)}"`, () => expect(problemsWith({ bucket })).to.deep.equal([]));
  }

  it("holds for the other buckets too", () => {
    expectProblem({ logBucket: "Logs" }, "logBucket", /small letters/);
    expectProblem({ anchorBucket: "xn--a" }, "anchorBucket", /kept by AWS/);
  });
});

describe("a service that is switched on", () => {
  it("is told by the nearest name when there is none of its own", () => {
    expectProblem(
      { services: { cloudfornt: true } },
      "services.cloudfornt",
      /no AWS service "cloudfornt" to switch on; did you mean "cloudfront"\?/,
    );
  });

  it("is told by all names when none is near", () => {
    const known = SERVICES.map(({ name }) => name).join(", ");
    const [problem] = problemsWith({ services: { "quantum-teleporter": true } });
    expect(problem?.message).to.equal(`there is no AWS service "quantum-teleporter" to switch on; known: ${known}`);
  });

  it("has its defaults whether it is said to be on or has empty options", () => {
    const on = parseSettings({ ...LEAST, services: { sqs: true } }).services;
    expect(on.sqs).to.include({ delivery: "eventbridge" });
    expect(parseSettings({ ...LEAST, services: { sqs: {} } }).services).to.deep.equal(on);
  });

  it("is off when it is said to be", () => {
    expect(parseSettings({ ...LEAST, services: { sqs: false } }).services).to.deep.equal({});
  });

  it("is neither a word nor a list", () => {
    for (const sqs of ["yes", null, [], 1]) expectProblem({ services: { sqs } }, "services.sqs", /write true, false/);
  });

  it("has options that are checked, with the nearest name for unknown ones", () => {
    expectProblem({ services: { sqs: { delivery: "pigeon" } } }, "services.sqs.delivery", /"pigeon": .*eventbridge/);
    expectProblem({ services: { sqs: { delivry: "direct" } } }, "services.sqs.delivry", /did you mean "delivery"\?/);
  });

  it("exists in the partition of the region", () => {
    expectProblem(
      { region: "cn-north-1", services: { cloudfront: true } },
      "services.cloudfront",
      /Amazon CloudFront does not exist in partition aws-cn; switch cloudfront off/,
    );
  });
});

describe("a key that is no setting", () => {
  it("is told by the nearest that is one", () => {
    expectProblem({ regoin: "eu-central-1" }, "regoin", /regoin is no setting; did you mean "region"\?/);
    expectProblem({ tls: { owm: "1.2" } }, "tls.owm", /did you mean "own"\?/);
    expectProblem({ lifecycle: { tieringDay: 1 } }, "lifecycle.tieringDay", /did you mean "tieringDays"\?/);
    expectProblem({ anchors: { dayz: 1 } }, "anchors.dayz", /did you mean "days"\?/);
  });

  it("is told by all of them when none is near", () => {
    expectProblem({ colour: "blue" }, "colour", /colour is no setting; known: bucket, region, account/);
  });
});

describe("settings that contradict each other", () => {
  it("have a region outside of the residency", () => {
    expectProblem(
      { residency: ["eu-west-1", "eu-north-1"] },
      "region",
      /region eu-central-1 lies outside of the residency \(eu-north-1, eu-west-1\)/,
    );
  });

  it("have prefixes that lie in one another", () => {
    expectProblem({ externalPrefix: "files/external/" }, "externalPrefix", /lie in one another/);
    expectProblem({ keyPrefix: "external/files/" }, "externalPrefix", /lie in one another/);
    expectProblem({ keyPrefix: "a/", externalPrefix: "a/" }, "externalPrefix", /lie in one another/);
    expect(problemsWith({ keyPrefix: "a/", externalPrefix: "ab/" })).to.deep.equal([]);
  });

  it("name one bucket twice, be it by a default", () => {
    expectProblem({ logBucket: "my-files" }, "logBucket", /must be three buckets/);
    expectProblem({ anchorBucket: "my-files-logs" }, "logBucket", /must be three buckets/);
  });

  it("leave nobody to run the service", () => {
    expectProblem({ compute: { ecs: false, podIdentity: false } }, "compute", /switch on ecs, podIdentity or irsa/);
  });
});

describe("values that AWS would refuse", () => {
  const REFUSED: readonly [Record<string, unknown>, string, RegExp][] = [
    [{ region: "Frankfurt" }, "region", /written like "eu-central-1"/],
    [{ region: "us-iso-east-1" }, "region", /isolated partitions/],
    [{ region: null }, "region", /expected string/],
    [{ region: "xx-nowhere-1" }, "region", /"xx-nowhere-1": AWS has no such region$/],
    [{ region: "eu-centrall-1" }, "region", /no such region; did you mean "eu-central-1"\?/],
    [{ residency: ["eu-central-1", "eu-nowhere-9"] }, "residency.1", /"eu-nowhere-9": AWS has no such region/],
    [{ residency: [] }, "residency", />=1/],
    [{ keyPrefix: "files" }, "keyPrefix", /ends in "\/"/],
    [{ keyPrefix: "/files/" }, "keyPrefix", /ends in "\/"/],
    [{ keyPrefix: "fi*les/" }, "keyPrefix", /plain letters/],
    [{ keyPrefix: `${"a".repeat(512)}/` }, "keyPrefix", /512 bytes/],
    [{ anchors: { days: 0 } }, "anchors.days", />=1/],
    [{ anchors: { mode: "SOFT" } }, "anchors.mode", /GOVERNANCE/],
    [{ anchors: true }, "anchors", /expected false; or: .*expected object/],
    [{ eventBuses: ["files"] }, "eventBuses.0", /a bus is named by its ARN/],
    [{ eventBuses: Array(11).fill("arn:aws:events:eu-central-1:111122223333:event-bus/files") }, "eventBuses", /<=10/],
    [{ tls: { own: "1.1" } }, "tls.own", /"1\.1": .*"1\.2"/],
    [{ lifecycle: { abortMultipartDays: 6 } }, "lifecycle.abortMultipartDays", /7 at the earliest/],
    [{ lifecycle: { tieringDays: "soon" } }, "lifecycle.tieringDays", /expected null, .*or: .*expected number/],
    [{ cors: { origins: ["app.example.com"] } }, "cors.origins.0", /scheme and host/],
    [{ cors: { origins: ["*"] } }, "cors.origins.0", /scheme and host/],
    [{ presign: { ageSecondsMax: 604_801 } }, "presign.ageSecondsMax", /604800/],
    [{ permissionsBoundary: "my-policy" }, "permissionsBoundary", /ARN of a policy/],
    [
      { permissionsBoundary: "arn:aws-cn:iam::111122223333:policy/b" },
      "permissionsBoundary",
      /lies in partition aws-cn, the bucket in aws/,
    ],
    [
      { permissionsBoundary: "arn:aws:iam::999988887777:policy/b" },
      "permissionsBoundary",
      /belongs to account 999988887777; IAM takes a policy of 111122223333/,
    ],
    [{ tags: { Team: 5 } }, "tags.Team", /expected string/],
    [{ tags: { "aws:x": "y" } }, "tags.aws:x", /begin with "aws:" are kept by AWS/],
    [{ tags: { "AWS:x": "y" } }, "tags.AWS:x", /begin with "aws:" are kept by AWS/],
    [{ tags: { Team: "a;b" } }, "tags.Team", /letters, digits, spaces/],
    [{ tags: { "": "a" } }, "tags.", /1 to 128 characters/],
    [{ tags: manyTags(51) }, "tags", /AWS takes 50 tags of a resource, and these are 51/],
    [{ services: ["sqs"] }, "services", /expected object/],
  ];
  for (const [said, path, sentence] of REFUSED) {
    it(`are refused: ${JSON.stringify(said).slice(0, 80)}`, () => expectProblem(said, path, sentence));
  }

  it("are not what AWS takes to the last", () => {
    expect(problemsWith({ tags: manyTags(50), permissionsBoundary: "arn:aws:iam::aws:policy/b" })).to.deep.equal([]);
    expect(problemsWith({ tags: { "Größe 1": "a b_.:/=+-@" } })).to.deep.equal([]);
  });
});
