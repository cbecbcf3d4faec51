import { expect } from "chai";
import { GOLDEN_SETTINGS, type SaidSettings, servicesOf, withServices } from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { createRoadEvaluator } from "../../testing/aws/policies/road-evaluator.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { toPartition } from "../settings/settings.ts";
import { listScenarios } from "./list-scenarios.ts";
import type { Scenario } from "./scenario.ts";

const SCENARIOS_MIN = 40;

/** Everything that tells somebody of files, with a target of this account. */
function withEveryHearer(region: string, more: Readonly<Record<string, unknown>> = {}) {
  const account = "111122223333";
  const arn = (service: string, resource: string) =>
    `arn:${toPartition(region)}:${service}:${region}:${account}:${resource}`;
  const known = servicesOf(region);
  const options: Record<string, unknown> = {
    lambda: { functionArn: arn("lambda", "function:on-file") },
    "step-functions": { stateMachineArn: arn("states", "stateMachine:on-file") },
    eventbridge: { targetBusArn: arn("events", "event-bus/files") },
  };
  const services = Object.fromEntries(known.map((name) => [name, options[name] ?? true]));
  return withServices([], { region, account, anchors: {}, services, ...more });
}

/** Consumers and networks of every kind, in one region, each with every hearer. */
function withOthers(region: string): [string, SaidSettings][] {
  const partition = toPartition(region);
  const role = (account: string, name: string) => `arn:${partition}:iam::${account}:role/${name}`;
  const everything = withEveryHearer(region);
  const endpoint = "vpce-0123456789abcdef0";
  const gatewayEndpoint = { vpc: "vpc-0123456789abcdef0", routeTables: ["rtb-0123456789abcdef0"] };
  const consumers = [
    { name: "reports", role: role("444455556666", "team/reports") },
    {
      name: "thumbnails",
      role: role("444455556666", "thumbnails"),
      function: `arn:${partition}:lambda:${region}:444455556666:function:thumbnails`,
      access: "both",
      accessPoint: true,
    },
    { name: "scans", account: "777788889999", access: "write", prefix: "external/from-scanners/" },
    { name: "lake", role: role("222233334444", "lake"), prefix: "external/", vpcEndpoints: ["vpce-0123456789abcdef1"] },
    { name: "vault", account: "333344445555", accessPoint: true, vpcEndpoints: ["vpce-0123456789abcdef2"] },
  ];
  const roles = [role("111122223333", "pipeline")];
  const bucket = `arn:${partition}:s3:::my-files`;
  const allow = { Effect: "Allow", Principal: { AWS: "555566667777" } };
  const statements = [
    { ...allow, Sid: "Partner", Action: ["s3:GetObject"], Resource: `${bucket}/files/*` },
    {
      ...allow,
      Sid: "Drop",
      Principal: { AWS: role("555566667777", "drop") },
      Action: "s3:PutObject",
      Resource: `${bucket}/external/drop/*`,
    },
    {
      ...allow,
      Sid: "Look",
      Action: "s3:ListBucket",
      Resource: bucket,
      Condition: { StringLike: { "s3:prefix": "files/*" } },
    },
    { Sid: "Fence", Effect: "Deny", Principal: "*", Action: "s3:*", Resource: `${bucket}/external/old/*` },
  ];
  return [
    [`consumers in ${region}`, { ...everything, consumers }],
    [`statements of one's own in ${region}`, { ...everything, statements }],
    [`consumers beside the smallest in ${region}`, { ...everything, services: {}, consumers }],
    [`a fence in ${region}`, { ...everything, network: { vpcEndpoints: [endpoint], roles } }],
    [
      `a fence with open URLs in ${region}`,
      { ...everything, consumers, network: { vpcEndpoints: [endpoint], own: "urls" } },
    ],
    [
      `a fence around others in ${region}`,
      {
        ...everything,
        consumers,
        network: { gatewayEndpoint, vpcEndpoints: [], own: "anywhere", buckets: ["packages"] },
      },
    ],
    [`an endpoint that exists in ${region}`, { ...everything, network: { gatewayEndpoint: endpoint } }],
  ];
}

/** Settings by name, that together make every scenario there is. */
const SETTINGS: readonly (readonly [string, SaidSettings])[] = [
  ...Object.entries(GOLDEN_SETTINGS),
  ...OPTION_SETTINGS,
  ["every hearer", withEveryHearer("eu-central-1")],
  ["every hearer in China", withEveryHearer("cn-north-1")],
  ["every hearer in GovCloud", withEveryHearer("us-gov-west-1")],
  ...["eu-central-1", "cn-north-1", "us-gov-west-1"].map((region): [string, SaidSettings] => [
    `every hearer under a KMS key in ${region}`,
    withEveryHearer(region, { encryption: "kms" }),
  ]),
  [
    "every hearer under a key of one's own",
    withEveryHearer("eu-central-1", { encryption: "arn:aws:kms:eu-central-1:111122223333:key/own" }),
  ],
  ["a minimal file under a KMS key", withServices(["lambda", "athena"], { minimal: true, encryption: "kms" })],
  [
    "an open gate",
    withServices(["replication", "sqs"], {
      services: { guardduty: { gate: false }, replication: true, sqs: true, lambda: true },
    }),
  ],
  ["a gate elsewhere", withServices([], { services: { guardduty: { prefixes: ["external/"] }, sqs: true } })],
  ["URLs of a minute", { ...GOLDEN_SETTINGS.smallest, presign: { ageSecondsMax: 60 } }],
  ...["eu-central-1", "cn-north-1", "us-gov-west-1"].flatMap(withOthers),
  ["another prefix", { ...GOLDEN_SETTINGS.smallest, keyPrefix: "a/b/", services: { guardduty: true, sqs: true } }],
];

describe("the roads of a configuration", () => {
  for (const [name, said] of SETTINGS) {
    it(`are open or shut as the table says: ${name}`, async () => {
      const configuration = generateConfiguration(parseSettings(said));
      const walk = createRoadEvaluator(configuration);
      const wrong: string[] = [];
      for (const { road, isOpen, steps } of listAll(configuration)) {
        const end = await walk({ road, isOpen, steps });
        if ((end === undefined) !== isOpen) wrong.push(`${road}: ${end ?? "is open"}`);
      }
      expect(wrong).to.deep.equal([]);
    });
  }

  it(`are ${SCENARIOS_MIN} at least, open ones and shut ones, each told once`, () => {
    for (const region of ["eu-central-1", "cn-north-1", "us-gov-west-1"]) {
      const roads = listAll(generateConfiguration(parseSettings(withEveryHearer(region))));
      expect(new Set(roads.map(({ road }) => road)).size)
        .to.equal(roads.length)
        .and.to.be.at.least(SCENARIOS_MIN);
      expect(roads.filter(({ isOpen }) => isOpen).length).to.be.at.least(SCENARIOS_MIN / 4);
      for (const { steps } of roads) expect(steps).to.not.be.empty;
    }
  });
});

function listAll(configuration: ReturnType<typeof generateConfiguration>): Scenario[] {
  return listScenarios(configuration).flatMap(({ scenarios }) => scenarios);
}
