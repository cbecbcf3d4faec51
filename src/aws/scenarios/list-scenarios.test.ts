import { expect } from "chai";
import { GOLDEN_SETTINGS, type SaidSettings, servicesOf, withServices } from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { createRoadEvaluator } from "../../testing/aws/road-evaluator.ts";
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
