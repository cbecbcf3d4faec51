import { expect } from "chai";
import { GOLDEN_SETTINGS, SMALLEST_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { FakeLiveAws } from "../../testing/aws/live/fake-live-aws.ts";
import { type LiveSite, MADE_UP_ID, toLiveSite } from "../../testing/aws/live/live-site.ts";
import { plantDrifts } from "../../testing/aws/live/planted-drifts.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { READABLE_TYPES, UNREADABLE_TYPES } from "../template/readable-types.ts";
import type { LiveAwsProblem } from "./comparison/live-facets.ts";
import type { Plain, PlainMap } from "./comparison/plain.ts";
import { listExpectedResources } from "./expected/expected-resource.ts";
import { RESOURCE_MEANINGS } from "./expected/resource-meanings.ts";
import { createFindResource } from "./find-resource.ts";
import type { Finding } from "./finding.ts";
import type { Read } from "./reading/readings.ts";
import { verifyConfiguration } from "./verify-configuration.ts";
import { verifyResource } from "./verify-resource.ts";

const { signal } = new AbortController();

const ALL = generateConfiguration(parseSettings(GOLDEN_SETTINGS.everything));
const HERE = "eu-central-1:111122223333";

/** Settings with consumers, statements of one's own and a network of one's own. */
const SHARED = {
  ...SMALLEST_SETTINGS,
  consumers: [{ name: "reports", role: "arn:aws:iam::444455556666:role/reports", accessPoint: true }],
  network: { gatewayEndpoint: { vpc: "vpc-0123456789abcdef0", routeTables: ["rtb-0123456789abcdef0"] } },
  statements: [
    {
      Sid: "Kept",
      Effect: "Allow",
      Principal: { AWS: "arn:aws:iam::444455556666:role/reports" },
      Action: "s3:GetBucketLocation",
      Resource: "arn:aws:s3:::my-files",
    },
  ],
};

/** Configurations that together have every type of resource, in each partition. */
const OTHERS: readonly (readonly [string, Configuration])[] = [
  ["shared", generateConfiguration(parseSettings(SHARED))],
  ...["everything", "china", "govcloud"].map(
    (name) => [name, generateConfiguration(parseSettings(GOLDEN_SETTINGS[name as "everything"]))] as const,
  ),
  ...OPTION_SETTINGS.filter(([name]) => /^(config|macie|lambda|cloudfront|eventbridge)-/.test(name)).map(
    ([name, settings]) => [name, generateConfiguration(parseSettings(settings))] as const,
  ),
];

/** What an answer may lack: what is off in the template; and the function's name, which says whose list it is. */
const NOTHING_LOST =
  /^removed .*(IsMultiRegionTrail|IncludeGlobalServiceEvents|EnableContinuousBackup|Override|OriginAccessIdentity|IncludeGlobalResourceTypes|AllSupported)$|FunctionName$/;

/** Changes that matter though the template says nothing of them, or says it otherwise than AWS answers. */
const TELLING: readonly (readonly [what: string, type: string, change: (live: PlainMap) => PlainMap, check: string])[] =
  [
    ["a rule that was switched off", "AWS::Events::Rule", (live) => ({ ...live, State: "DISABLED" }), "State"],
    [
      "a further target of a rule",
      "AWS::Events::Rule",
      (live) => ({ ...live, Targets: [...(live.Targets as Plain[]), { Id: "theirs", Arn: "arn:aws:sqs:::theirs" }] }),
      "Targets",
    ],
    [
      "a plan whose scans fail",
      "AWS::GuardDuty::MalwareProtectionPlan",
      (live) => ({ ...live, Status: "ERROR" }),
      "Status",
    ],
    ["a key that was disabled", "AWS::KMS::Key", (live) => ({ ...live, Enabled: false }), "Enabled"],
    ["a silent alarm", "AWS::CloudWatch::Alarm", (live) => ({ ...live, ActionsEnabled: false }), "ActionsEnabled"],
    ["a trail that was stopped", "AWS::CloudTrail::Trail", (live) => ({ ...live, IsLogging: false }), "IsLogging"],
    [
      "a queue that lets anyone in",
      "AWS::SQS::QueueInlinePolicy",
      ({ PolicyDocument, ...live }) => {
        const { Version, Statement } = PolicyDocument as PlainMap;
        const open = { Sid: "Open", Effect: "Allow", Principal: "*", Action: "sqs:*", Resource: "*" };
        return {
          ...live,
          PolicyDocument: { Version: Version as string, Statement: [...(Statement as Plain[]), open] },
        };
      },
      "policy statement Open",
    ],
  ];

describe("verifyResource", () => {
  for (const [name, configuration] of OTHERS) {
    it(`finds every property of every other resource that was removed or changed (${name})`, async () => {
      const site = toLiveSite(configuration);
      const [unseen, kinds] = [[] as string[], new Set<string>()];
      for (const [type, all] of Object.entries(site.resources)) {
        for (const [identifier, properties] of Object.entries(all)) {
          const { [identifier]: _, ...others } = all;
          for (const { what, value } of plantDrifts(properties, type)) {
            if (NOTHING_LOST.test(what)) continue;
            const changed = value === undefined ? others : { ...others, [identifier]: value as PlainMap };
            const found = drifts(await verifyOthers(configuration, { ...site.resources, [type]: changed }, { type }));
            if (found.length === 0) unseen.push(`${identifier}: ${what}`);
            kinds.add(type);
            expectExplained(found);
          }
        }
      }
      expect(unseen).to.deep.equal([]);
      expect(kinds.size).to.equal(Object.keys(site.resources).length);
    });
  }

  it("takes what AWS fills in and answers otherwise for no drift", async () => {
    const resources = Object.entries(toLiveSite(ALL).resources).map(([type, all]) => [
      type,
      Object.fromEntries(Object.entries(all).map(([identifier, properties]) => [identifier, asAwsAnswers(properties)])),
    ]);
    const findings = await verifyOthers(ALL, Object.fromEntries(resources));
    const others = findings.filter(({ status }) => status !== "ok");
    expect(others.filter(({ resource }) => !resource.startsWith("Lake Formation "))).to.deep.equal([]);
    expect(findings.length).to.be.greaterThan(180);
  });

  for (const [what, type, change, check] of TELLING) {
    it(`finds ${what}`, async () => {
      const { resources } = toLiveSite(ALL);
      const changed = Object.entries(resources[type] ?? {}).map(([identifier, live]) => [identifier, change(live)]);
      const found = drifts(await verifyOthers(ALL, { ...resources, [type]: Object.fromEntries(changed) }));
      expect(found).to.have.length(changed.length);
      expect(new Set(found.map((one) => one.check))).to.deep.equal(new Set([check]));
    });
  }

  it("says what is gone, what that means, and how it comes back by CloudFormation and by Terraform", async () => {
    const { "AWS::Events::Rule": _, ...resources } = toLiveSite(ALL).resources;
    const found = drifts(await verifyOthers(ALL, resources));
    expect(found.map(({ resource, check }) => `${resource}: ${check}`)).to.deep.equal([
      "rule my-files-eventbridge: existence",
      "rule my-files-opensearch-ingestion: existence",
      "rule my-files-sns: existence",
      "rule my-files-sqs: existence",
    ]);
    expect(found[0]?.meaning).to.contain("its purpose is not served");
    expect(found[0]?.mend)
      .to.contain("--deployment-mode REVERT_DRIFT")
      .and.to.contain("with Terraform: terraform apply -target=awscc_events_rule.eventbridge_rule");
  });

  it("mends by CloudFormation what Terraform deploys as a stack of its own", async () => {
    const { "AWS::CloudFront::Distribution": _, ...resources } = toLiveSite(ALL).resources;
    const [finding] = drifts(await verifyOthers(ALL, resources));
    expect(finding?.mend).to.contain("for stack sluice-my-files-cloudfront-distribution");
  });

  it("finds a key by the topic that uses it, and compares another one that the topic uses instead", async () => {
    const { resources } = toLiveSite(ALL);
    const [topic = "", key = ""] = [`arn:aws:sns:${HERE}:my-files-files`, "other-key"];
    const withTopic = (KmsMasterKeyId?: string) => {
      const { KmsMasterKeyId: _, ...live } = (resources["AWS::SNS::Topic"] as Record<string, PlainMap>)[
        topic
      ] as PlainMap;
      const topics = {
        ...resources["AWS::SNS::Topic"],
        [topic]: { ...live, ...(KmsMasterKeyId && { KmsMasterKeyId }) },
      };
      return { ...resources, "AWS::SNS::Topic": topics };
    };
    const keys = { "AWS::KMS::Key": { [key]: { Description: "theirs", KeyPolicy: {}, EnableKeyRotation: true } } };
    const others = drifts(await verifyOthers(ALL, { ...withTopic(`arn:aws:kms:${HERE}:key/${key}`), ...keys }));
    expect(others.map(({ check }) => check)).to.include.members(["Description", "policy statement AllowTheRule"]);
    const none = drifts(await verifyOthers(ALL, withTopic()));
    expect(none.map(({ resource, check }) => `${resource}: ${check}`)).to.have.members([
      ...["topic my-files-files: KmsMasterKeyId", "key SnsKey: existence"],
    ]);
  });

  it("finds the key of the files by the bucket's encryption", async () => {
    const configuration = generateConfiguration(parseSettings({ ...SMALLEST_SETTINGS, encryption: "kms" }));
    const { buckets, roles, resources } = toLiveSite(configuration);
    const verifyKey = async (live: LiveSite) => {
      const findings = await verifyConfiguration(configuration, new FakeLiveAws(live), { signal });
      return findings.filter(({ resource }) => resource.startsWith("key "));
    };
    expect((await verifyKey({ buckets, roles, resources })).map(({ status }) => status))
      .to.include("ok")
      .and.to.not.include("drift");
    const keys = Object.entries(resources["AWS::KMS::Key"] ?? {}).map(([id, key]) => [id, { ...key, Enabled: false }]);
    const disabled = { ...resources, "AWS::KMS::Key": Object.fromEntries(keys) };
    expect(drifts(await verifyKey({ buckets, roles, resources: disabled })).map(({ check }) => check)).to.deep.equal([
      "Enabled",
    ]);
  });

  it("does not take for missing what may be among those that it may not read", async () => {
    const { resources } = toLiveSite(ALL);
    const plan = "AWS::GuardDuty::MalwareProtectionPlan";
    const found = await verifyOthers(
      ALL,
      { ...resources, [plan]: { theirs: {}, unread: {} } },
      {
        plant: (live) => live.fail("unread", plan, "denied", { permissions: ["guardduty:GetMalwareProtectionPlan"] }),
      },
    );
    const unreadable = found.filter(({ status }) => status === "unreadable");
    expect(unreadable).to.have.length(1);
    expect(unreadable[0]).to.deep.include({
      resource: "malware protection plan my-files",
      status: "unreadable",
      permissions: ["guardduty:GetMalwareProtectionPlan"],
    });
  });

  it("says of a list, and of what another resource names, that it may not be read", async () => {
    const { resources } = toLiveSite(ALL);
    const topic = `arn:aws:sns:${HERE}:my-files-files`;
    const plant = (live: FakeLiveAws) => {
      live.fail("list", "AWS::Backup::BackupPlan", "denied");
      live.fail(topic, "AWS::SNS::Topic", "denied");
    };
    const found = await verifyOthers(ALL, resources, { plant });
    expect(found.flatMap(({ status, resource }) => (status === "unreadable" ? [resource] : []))).to.deep.equal([
      ...["backup plan my-files-backup", "key SnsKey", "topic my-files-files"],
    ]);
  });

  it("names a type that it does not read", async () => {
    const strange = { type: "AWS::Strange::Thing", why: "w", source: "s", properties: {} };
    const template = { ...ALL.template, resources: { Thing: strange } };
    const [finding, ...others] = await verifyOthers({ ...ALL, template }, {});
    expect(others).to.deep.equal([]);
    expect(finding).to.include({ resource: "AWS::Strange::Thing Thing", status: "unsupported" });
  });

  it("reads every type that the generator makes, and knows what its drift means", () => {
    const settings = [...Object.values(GOLDEN_SETTINGS), ...OPTION_SETTINGS.map(([, one]) => one)];
    const made = new Set(
      [...settings, SHARED, { ...SMALLEST_SETTINGS, region: "us-east-1", services: { cloudfront: true } }].flatMap(
        (one) => listExpectedResources(generateConfiguration(parseSettings(one))).map(({ type }) => type),
      ),
    );
    const known = [...Object.keys(READABLE_TYPES), ...Object.keys(UNREADABLE_TYPES)].sort();
    expect([...made].sort()).to.deep.equal(known);
    expect(Object.keys(RESOURCE_MEANINGS).sort()).to.deep.equal(known);
  });
});

/** The properties with ids, times and defaults beside them, lists turned round, and documents as their texts. */
function asAwsAnswers(properties: PlainMap): PlainMap {
  const reversed = JSON.parse(JSON.stringify(properties), (_, value) =>
    Array.isArray(value) && !value.some((one) => typeof one !== "object") ? value.toReversed() : value,
  ) as PlainMap;
  const filled = JSON.parse(JSON.stringify(reversed), (key, value) =>
    typeof value === "object" && !Array.isArray(value) && !/^(Tags|Condition|\d+)$/.test(key) && value.Key === undefined
      ? { ...value, FilledIn: "by AWS" }
      : value,
  );
  const { Tags, PolicyDocument, KeyPolicy, EventPattern } = reversed;
  const aws = { Key: "aws:cloudformation:stack-name", Value: "files" };
  return {
    ...filled,
    ...(Array.isArray(Tags) && { Tags: [...Tags, aws] }),
    ...(PolicyDocument !== undefined && { PolicyDocument: JSON.stringify(PolicyDocument) }),
    ...(KeyPolicy !== undefined && { KeyPolicy }),
    ...(EventPattern !== undefined && { EventPattern: JSON.stringify(EventPattern) }),
    ...{ Arn: `arn:aws:made:up:${MADE_UP_ID}`, CreatedAt: "2026-01-01T00:00:00Z" },
  };
}

/** Verifies all that is neither bucket nor role, or all of one type. */
async function verifyOthers(
  configuration: Configuration,
  resources: LiveSite["resources"],
  { type, plant = () => {} }: { type?: string; plant?: (live: FakeLiveAws) => void } = {},
): Promise<Finding[]> {
  const expected = listExpectedResources(configuration);
  const liveAws = new FakeLiveAws({ buckets: {}, roles: {}, resources });
  plant(liveAws);
  const read: Read = async (one) => {
    try {
      return { value: await one(signal) };
    } catch (error) {
      return { problem: error as LiveAwsProblem };
    }
  };
  const find = createFindResource(configuration, expected, { liveAws, read });
  const asked = expected.filter((one) => type === undefined || one.type === type);
  const findings = asked.map(async (one) => await verifyResource(configuration, one, find));
  return (await Promise.all(findings)).flat();
}

function drifts(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ status }) => status === "drift");
}

function expectExplained(findings: readonly Finding[]): void {
  for (const finding of findings) {
    expect(finding.meaning, finding.check).to.not.equal("");
    expect(finding.mend, finding.check).to.not.equal("");
    expect(JSON.stringify(finding), finding.check).to.not.contain("\\u0000");
  }
}
