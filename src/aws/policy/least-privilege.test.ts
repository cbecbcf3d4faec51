import { expect } from "chai";
import { EXPECTED_ACTORS, type ExpectedActor } from "../../testing/aws/policies/expected-access.ts";
import { EXPECTED_ROLES } from "../../testing/aws/policies/expected-roles.ts";
import { createPolicyEvaluator } from "../../testing/aws/policies/policy-evaluator.ts";
import { baseContext } from "../../testing/aws/policies/sample-requests.ts";
import { listSampleResources } from "../../testing/aws/policies/sample-resources.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { SERVICES } from "../services/services.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Resource } from "../template/template.ts";
import type { Properties } from "../template/value.ts";
import { createAccessMatrix } from "./access-matrix.ts";
import { Policy, type Statement } from "./policy.ts";

const configuration = generateConfiguration(
  parseSettings({
    bucket: "my-files",
    region: "eu-central-1",
    account: "111122223333",
    anchors: {},
    services: Object.fromEntries(SERVICES.map(({ name }) => [name, true])),
  }),
);
const { site } = configuration;
const evaluator = createPolicyEvaluator(configuration);
const allowed = createAccessMatrix(configuration).filter(({ effect }) => effect === "Allow");
const samples = listSampleResources(evaluator.roles);
const ACTORS = [...EXPECTED_ACTORS, ...EXPECTED_ROLES];
/** Every action that any statement allows, and some that none may. */
const ACTIONS = [
  ...new Set([
    ...allowed.flatMap(({ actions }) => actions),
    ...ACTORS.flatMap(({ may }) => may.flatMap(([actions]) => actions.split(" "))),
    ...["s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutObjectAcl", "s3:BypassGovernanceRetention"],
    ...["s3:PutLifecycleConfiguration", "s3:PutEncryptionConfiguration", "s3:RestoreObject", "s3:PutObjectRetention"],
    ...["iam:CreateRole", "iam:PutRolePolicy", "sts:AssumeRole", "sqs:PurgeQueue", "sns:Subscribe", "glue:DeleteTable"],
  ]),
].sort();

function toPrincipal({ who }: ExpectedActor): string {
  return who.startsWith("role:") ? site.roleArn(who.slice("role:".length)) : who;
}

/** `action name` of everything that the table allows the actor. */
function listExpected({ may }: ExpectedActor): string[] {
  const all = may.flatMap(([actions, on]) => {
    const names = on.split(" ").flatMap((name) => {
      const known = [...samples.keys()].filter((one) =>
        name.endsWith("*") ? one.startsWith(name.slice(0, -1)) : one === name,
      );
      return name === "*" ? ["*"] : known;
    });
    if (names.length === 0) throw new Error(`no sample is called ${on}`);
    return actions.split(" ").flatMap((action) => {
      const fitting = names.filter((name) => samples.get(name)?.takes(action));
      if (fitting.length === 0) throw new Error(`${action} is never asked of ${on}`);
      return fitting.map((name) => `${action} ${name}`);
    });
  });
  return [...new Set(all)].sort();
}

/** `action name` of everything that the policies allow the actor. */
async function listAllowed(actor: ExpectedActor, by = evaluator): Promise<string[]> {
  const principal = toPrincipal(actor);
  const found: string[] = [];
  for (const action of ACTIONS) {
    for (const [name, { arn, takes, says }] of samples) {
      if (!takes(action)) continue;
      const context = { ...baseContext(site, principal), ...actor.says, ...says };
      const decision = await by.evaluate({ principal, action, resource: arn, context });
      if (decision === "Allowed") found.push(`${action} ${name}`);
    }
  }
  return found.sort();
}

describe("with every service switched on", () => {
  for (const actor of ACTORS) {
    const source = actor.says?.["aws:SourceArn"];
    it(`${actor.who}${source === undefined ? "" : ` for ${source}`} may do what its document asks for, and nothing else`, async () => {
      expect(await listAllowed(actor)).to.deep.equal(listExpected(actor));
    });
  }

  it("a right too many or too few would be seen", async () => {
    const actor = ACTORS.find(({ who }) => who === "role:firehose") as ExpectedActor;
    const role = configuration.template.resources.FirehoseRole as Resource;
    const changeTo = (resources: readonly string[]) => {
      const [policy] = role.properties.Policies as readonly [Properties];
      const [first, ...others] = (policy.PolicyDocument as Policy).statements as Statement[];
      const PolicyDocument = new Policy([{ ...(first as Statement), resources }, ...others]);
      const properties = { ...role.properties, Policies: [{ ...policy, PolicyDocument }] };
      const resourcesBefore = configuration.template.resources;
      const template = {
        ...configuration.template,
        resources: { ...resourcesBefore, FirehoseRole: { ...role, properties } },
      };
      return createPolicyEvaluator({ ...configuration, template });
    };
    const mine = site.objects("external/firehose/");
    expect(await listAllowed(actor, changeTo([mine]))).to.deep.equal(listExpected(actor));
    expect(await listAllowed(actor, changeTo([mine, site.objects("files/")]))).to.include(
      "s3:PutObject my-files/files/",
    );
    expect(await listAllowed(actor, changeTo([site.objects("external/other/")]))).to.not.deep.equal(
      listExpected(actor),
    );
  });

  it("everyone whom a policy names is in the table", () => {
    const named = new Set(allowed.flatMap(({ who }) => who));
    named.delete(site.arn("iam", "root", { region: "" }));
    expect(new Set(ACTORS.map(toPrincipal))).to.deep.equal(new Set([...named, ...evaluator.roles]));
  });
});
