import { expect } from "chai";
import { SMALLEST_SETTINGS, withServices } from "../../testing/aws/golden-settings.ts";
import { toLiveSite } from "../../testing/aws/live/live-site.ts";
import { configure } from "../configure.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { BucketFacet } from "./comparison/live-facets.ts";
import type { Plain, PlainMap } from "./comparison/plain.ts";
import { toExpectedSite } from "./expected/expected-site.ts";
import { listReplaced, selectExisting } from "./import-existing.ts";
import { ANSWER_FILES, type ExistingBucket, parseExistingAnswers } from "./reading/existing-bucket.ts";

const STATEMENT = {
  Sid: "Reports",
  Effect: "Allow",
  Principal: { AWS: "arn:aws:iam::444455556666:role/reports" },
  Action: ["s3:GetObject"],
  Resource: "arn:aws:s3:::my-files/reports/*",
};
const RULE = { Id: "reports", Status: "Enabled", Prefix: "reports/", ExpirationInDays: 90 };
const CORS = { AllowedOrigins: ["https://www.example.com"], AllowedMethods: ["GET"] };
const QUEUE = {
  Event: "s3:ObjectCreated:*",
  Queue: "arn:aws:sqs:eu-central-1:111122223333:reports",
  Filter: { S3Key: { Rules: [{ Name: "prefix", Value: "reports/" }] } },
};
const HAS: Readonly<Partial<Record<BucketFacet, Plain>>> = {
  Policy: { Version: "2012-10-17", Statement: [STATEMENT] },
  LifecycleConfiguration: { Rules: [RULE] },
  CorsConfiguration: { CorsRules: [CORS] },
  NotificationConfiguration: { QueueConfigurations: [QUEUE] },
};

describe("the import of a bucket that exists", () => {
  for (const region of ["eu-central-1", "cn-north-1", "us-gov-west-1"]) {
    it(`keeps what the bucket has beside what is generated (${region})`, () => {
      const partition = { "eu-central-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov" }[region];
      const here = JSON.parse(JSON.stringify(HAS).replaceAll("arn:aws:", `arn:${partition}:`));
      const settings = { ...SMALLEST_SETTINGS, region };
      const { merged } = importInto(settings, here);
      const [, bucket] = toExpectedSite(merged).buckets;
      expect(bucket?.statements.map(({ sid }) => sid)).to.include.members(["DenyPlaintext", "Reports"]);
      expect(idsOf(bucket?.facets.LifecycleConfiguration)).to.include.members(["ExpireNoncurrentVersions", "reports"]);
      expect(bucket?.facets.CorsConfiguration).to.deep.equal({ CorsRules: [CORS] });
      expect(bucket?.facets.NotificationConfiguration).to.deep.equal({
        EventBridgeConfiguration: { EventBridgeEnabled: true },
        QueueConfigurations: here.NotificationConfiguration.QueueConfigurations,
      });
    });
  }

  it("takes in nothing that is there already: a second import changes nothing", () => {
    const settings = withServices(["sqs", "athena"], { cors: { origins: ["https://app.example.com"] } });
    const first = importInto(settings, HAS);
    const deployed = toLiveSite(first.merged).buckets["my-files"] as PlainMap;
    const second = importInto(first.said, deployed);
    expect(second.kept).to.deep.equal({
      statements: [],
      existing: { lifecycleRules: [], corsRules: [], notifications: {} },
    });
    expect(second.replaced).to.deep.equal([]);
  });

  it("lists what the template replaces, and takes the template's", () => {
    const { kept, replaced } = importInto(SMALLEST_SETTINGS, {
      Policy: { Version: "2012-10-17", Statement: { ...STATEMENT, Sid: "DenyPlaintext" } },
      LifecycleConfiguration: { Rules: [{ Id: "TierFiles", Status: "Disabled", Prefix: "old/" }] },
      VersioningConfiguration: { Status: "Suspended" },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } }],
      },
      WebsiteConfiguration: { IndexDocument: "index.html" },
    });
    expect(kept.statements).to.deep.equal([]);
    expect(kept.existing.lifecycleRules).to.deep.equal([]);
    expect(replaced).to.deep.equal([
      `policy statement DenyPlaintext is replaced: it was ${JSON.stringify({ ...STATEMENT, Sid: "DenyPlaintext" })}`,
      'lifecycle Rules[TierFiles].Status becomes "Enabled": it was "Disabled"',
      'lifecycle Rules[TierFiles].Prefix becomes "files/": it was "old/"',
      'versioning Status becomes "Enabled": it was "Suspended"',
      'encryption ServerSideEncryptionConfiguration.ServerSideEncryptionByDefault.SSEAlgorithm becomes "AES256": it was "aws:kms"',
    ]);
  });

  it("says what is set without knowing what was there", () => {
    const configuration = generateConfiguration(parseSettings(SMALLEST_SETTINGS));
    const unread = new Map<BucketFacet, string>([
      ["BucketEncryption", "not allowed"],
      ["WebsiteConfiguration", "not allowed"],
    ]);
    expect(listReplaced(configuration, { facets: new Map(), unread })).to.deep.equal([
      "encryption is set, whatever it was: not allowed",
    ]);
  });

  it("gives statements without a Sid one that is free", () => {
    const { Sid: _, ...nameless } = STATEMENT;
    const Statement = [nameless, { ...nameless, Action: "s3:GetObjectVersion" }, { ...nameless, Sid: "with space" }];
    const { kept } = importInto(SMALLEST_SETTINGS, { Policy: { Version: "2012-10-17", Statement } });
    expect(kept.statements.map(({ Sid }) => Sid)).to.deep.equal(["Existing1", "Existing2", "withspace"]);
  });

  describe("refuses", () => {
    it("a policy that leaves no room for the template's statements in 20 KB", () => {
      const Statement = Array.from({ length: 88 }, (_, at) => ({
        ...STATEMENT,
        Sid: `Reports${at}`,
        Resource: `arn:aws:s3:::my-files/reports/${String(at).padStart(60, "0")}/*`,
      }));
      const policy = { Version: "2012-10-17", Statement };
      expect(Buffer.byteLength(JSON.stringify(policy))).to.be.within(20_000, 20_480);
      expect(() => importInto(SMALLEST_SETTINGS, { Policy: policy })).to.throw(
        /Policy would have 2\d{4} bytes.*, and AWS takes 20480; .*statements/,
      );
    });

    it("a notification whose filter overlaps with one that the template makes", () => {
      const settings = { ...SMALLEST_SETTINGS, services: { sqs: { delivery: "direct" } } };
      const notificationOf = (Value: string, Name = "prefix", Event = "s3:ObjectCreated:Put") => ({
        NotificationConfiguration: {
          QueueConfigurations: [{ ...QUEUE, Event, Filter: { S3Key: { Rules: [{ Name, Value }] } } }],
        },
      });
      for (const has of [notificationOf("files/reports/"), notificationOf("fi"), notificationOf(".csv", "suffix")]) {
        expect(() => importInto(settings, has)).to.throw(
          /existing.notifications: s3:ObjectCreated:\* of "files\/\*" to .*my-files-files and s3:ObjectCreated:Put of .* overlap.*narrow/,
        );
      }
      expect(importInto(settings, notificationOf("reports/")).replaced).to.deep.equal([]);
      expect(importInto(settings, notificationOf("files/", "prefix", "s3:ObjectRemoved:*")).replaced).to.deep.equal([]);
    });

    const harms = [
      [{ ...RULE, Prefix: "files/old/" }, "would delete files of Sluice"],
      [{ Id: "all", Status: "Enabled", ExpirationInDays: 1 }, "would delete files of Sluice"],
      [
        { Id: "cold", Status: "Enabled", Transitions: [{ StorageClass: "GLACIER", TransitionInDays: 1 }] },
        "would move files of Sluice to GLACIER",
      ],
      [
        { Id: "abort", Status: "Enabled", AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
        "would abort uploads after 1 days",
      ],
    ] as const;
    for (const [rule, harm] of harms) {
      it(`a lifecycle rule that ${harm} (${rule.Id})`, () => {
        expect(() => importInto(SMALLEST_SETTINGS, { LifecycleConfiguration: { Rules: [rule] } })).to.throw(harm);
        const off = { ...rule, Status: "Disabled" };
        expect(importInto(SMALLEST_SETTINGS, { LifecycleConfiguration: { Rules: [off] } }).replaced).to.deep.equal([]);
      });
    }

    it("a statement that would make the bucket public, or that has parts which are not known", () => {
      const open = { ...STATEMENT, Principal: "*" };
      expect(() => importInto(SMALLEST_SETTINGS, { Policy: { Version: "2012-10-17", Statement: [open] } })).to.throw(
        /public/,
      );
      const { Action: _, ...others } = STATEMENT;
      const strange = { ...others, NotAction: "s3:DeleteBucket" };
      expect(() => importInto(SMALLEST_SETTINGS, { Policy: { Version: "2012-10-17", Statement: [strange] } })).to.throw(
        /NotAction/,
      );
    });

    it("two rules with one id", () => {
      const existing = { lifecycleRules: [RULE, RULE], corsRules: [] };
      expect(() => configure({ values: { ...SMALLEST_SETTINGS, existing } })).to.throw(
        /existing.lifecycleRules: reports stands in the bucket twice/,
      );
    });
  });

  describe("from files", () => {
    it("reads the answers of aws s3api", () => {
      const answers = {
        "get-bucket-policy.json": { Policy: JSON.stringify(HAS.Policy) },
        "get-bucket-lifecycle-configuration.json": {
          Rules: [{ ID: "reports", Filter: { Prefix: "reports/" }, Status: "Enabled", Expiration: { Days: 90 } }],
        },
        "get-bucket-cors.json": { CORSRules: [CORS] },
        "get-bucket-notification-configuration.json": {
          QueueConfigurations: [
            {
              Id: "any",
              QueueArn: QUEUE.Queue,
              Events: [QUEUE.Event],
              Filter: { Key: { FilterRules: [{ Name: "Prefix", Value: "reports/" }] } },
            },
          ],
        },
      };
      expect(Object.keys(answers)).to.deep.equal(ANSWER_FILES);
      const texts = Object.entries(answers).map(([name, answer]) => [name, JSON.stringify(answer)] as const);
      const { facets, unread } = parseExistingAnswers(new Map(texts));
      expect(Object.fromEntries(facets)).to.deep.equal(HAS);
      expect(unread.get("VersioningConfiguration")).to.equal("the files do not tell");
    });

    it("takes an answer that is not there, or is empty, for nothing", () => {
      const { facets } = parseExistingAnswers(new Map([["get-bucket-cors.json", "\n"]]));
      expect([...facets.values()]).to.deep.equal([undefined, undefined, undefined, undefined]);
    });

    it("says of every file that is no answer which one it is", () => {
      const answers = new Map([
        ["get-bucket-policy.json", "{}"],
        ["get-bucket-cors.json", "An error occurred"],
      ]);
      expect(() => parseExistingAnswers(answers)).to.throw(
        "get-bucket-policy.json is no answer of aws s3api get-bucket-policy; write it anew, as JSON\nget-bucket-cors.json is no answer",
      );
    });
  });
});

/** Imports a bucket that has these facets, and nothing of the others. */
function importInto(settings: object, has: Readonly<Record<string, Plain>>) {
  const facets = new Map(Object.entries(has)) as ExistingBucket["facets"];
  const before: ExistingBucket = { facets, unread: new Map() };
  const kept = selectExisting(configure({ values: { ...settings } }), before);
  const { statements = [], existing = {} } = settings as { statements?: object[]; existing?: object };
  const said = {
    ...settings,
    statements: [...statements, ...kept.statements],
    existing: { ...kept.existing, ...existing },
  };
  const merged = configure({ values: said });
  return { kept, said, merged, replaced: listReplaced(merged, before) };
}

function idsOf(value: Plain | undefined): string[] {
  return ((value as PlainMap).Rules as PlainMap[]).map(({ Id }) => String(Id));
}
