import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { type Document, parseDocument } from "yaml";
import { GOLDEN_SETTINGS, type SaidSettings, servicesOf, withServices } from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { type CfnGuard, findCfnGuard } from "../../testing/aws/templates/cfn-guard.ts";
import { createTemplateFolder, type TemplateFolder } from "../../testing/aws/templates/template-folder.ts";

const RULES = fileURLToPath(new URL("../sluice.guard", import.meta.url));
const NAMES = servicesOf("eu-central-1");
const REMOVED = undefined;

/** The settings whose template the test damages. They have few services, because each damage is a template of its own. */
const SOUND = withServices(["sns", "sqs"], { anchors: {}, encryption: "kms" });

/** Each damage to that template: its path among the resources, and the one rule that must find it. */
const PLANTED: readonly (readonly [rule: string, path: string, value: unknown])[] = [
  ...plant("buckets_are_encrypted", "LogBucket/Properties/BucketEncryption", {
    "/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault/SSEAlgorithm": "aws:kms",
    "/ServerSideEncryptionConfiguration/0/BlockedEncryptionTypes": REMOVED,
    "": REMOVED,
  }),
  ...plant("buckets_are_encrypted", "DataBucket/Properties/BucketEncryption/ServerSideEncryptionConfiguration/0", {
    "/ServerSideEncryptionByDefault/KMSMasterKeyID": REMOVED,
    "/BucketKeyEnabled": false,
  }),
  ...plant("buckets_block_public_access", "DataBucket/Properties/PublicAccessBlockConfiguration", {
    "/BlockPublicAcls": false,
    "/BlockPublicPolicy": REMOVED,
    "/IgnorePublicAcls": false,
    "/RestrictPublicBuckets": REMOVED,
    "": REMOVED,
  }),
  ...plant("buckets_have_no_acls", "DataBucket/Properties", {
    "/OwnershipControls/Rules/0/ObjectOwnership": "ObjectWriter",
    "/OwnershipControls": REMOVED,
    "/AccessControl": "LogDeliveryWrite",
  }),
  ...plant("buckets_keep_versions", "LogBucket/Properties/VersioningConfiguration", {
    "/Status": "Suspended",
    "": REMOVED,
  }),
  ...plant("buckets_abort_unfinished_uploads", "AnchorBucket/Properties/LifecycleConfiguration", {
    "/Rules/0/AbortIncompleteMultipartUpload": REMOVED,
    "": REMOVED,
  }),
  ...plant("buckets_outlive_the_stack", "AnchorBucket", {
    "/DeletionPolicy": REMOVED,
    "/UpdateReplacePolicy": "Delete",
  }),
  ...plant("buckets_refuse_plaintext", "DataBucketPolicy/Properties/PolicyDocument/Statement/0", {
    "": REMOVED,
    "/Resource/1": REMOVED,
    "/Action": "s3:GetObject",
    "/Principal": { AWS: "arn:aws:iam::111122223333:root" },
    "/Condition/Bool": { "aws:SecureTransport": "true" },
    "/Condition/StringEquals": { "aws:PrincipalAccount": "111122223333" },
  }),
  ...plant("buckets_refuse_old_tls", "LogBucketPolicy/Properties/PolicyDocument/Statement/1", {
    "": REMOVED,
    "/Resource/0": REMOVED,
    "/Condition/NumericLessThan": { "s3:TlsVersion": "1.1" },
  }),
  ...plant("nobody_lets_everybody_in", "LogBucketPolicy/Properties/PolicyDocument/Statement/2", {
    "/Principal": "*",
    "/Principal/AWS": "*",
  }),
  ...plant("nobody_lets_everybody_in", "SqsQueuePolicy/Properties/PolicyDocument/Statement/1/Principal", {
    "": { AWS: ["arn:aws:iam::111122223333:root", "*"] },
  }),
  ...plant("nobody_lets_everybody_in", "ReadRole/Properties/AssumeRolePolicyDocument/Statement/0", {
    "/Principal": "*",
    "/Principal/AWS": "*",
  }),
  ...plant("nothing_allows_actions_by_wildcard", "WriteRole/Properties/Policies/0/PolicyDocument/Statement/0", {
    "/Action": "s3:*",
    "/Action/0": "*",
    "/Action/1": "s3:Put*",
    "/Resource": REMOVED,
  }),
  ...plant("nothing_allows_actions_by_wildcard", "LogBucketPolicy/Properties/PolicyDocument/Statement/2", {
    "/Action": "s3:*",
  }),
  ...plant("nothing_is_allowed_by_exception", "LogBucketPolicy/Properties/PolicyDocument/Statement/2", {
    "/NotAction": "s3:DeleteObject",
    "/NotPrincipal": { AWS: "arn:aws:iam::111122223333:root" },
    "/NotResource": "arn:aws:s3:::my-files",
  }),
  ...plant("nothing_is_allowed_by_exception", "WriteRole/Properties/Policies/0/PolicyDocument/Statement/0", {
    "/NotAction": "s3:DeleteObject",
    "/NotResource": "arn:aws:s3:::my-files",
  }),
  ...plant("nothing_is_allowed_by_exception", "ReadRole/Properties/AssumeRolePolicyDocument/Statement/0", {
    "/NotPrincipal": { Service: "ec2.amazonaws.com" },
  }),
  ...plant("keys_are_opened_to_named_principals", "SnsKey/Properties/KeyPolicy/Statement/0", {
    "/Principal": "*",
    "/Principal/AWS": "*",
    "/Action": "kms:*",
  }),
  ...plant("endpoints_lead_to_named_buckets", "PlantedEndpoint", { "": endpointTo("*") }),
  ...plant("endpoints_lead_to_named_buckets", "PlantedEndpoint", { "": endpointTo("arn:aws:s3:::*") }),
  ...plant("endpoints_lead_to_named_buckets", "PlantedEndpoint", {
    "": { Type: "AWS::EC2::VPCEndpoint", Properties: {} },
  }),
  ...plant("access_points_are_for_named_principals", "PlantedAccessPoint", { "": accessPointFor("*") }),
  ...plant("access_points_are_for_named_principals", "PlantedAccessPoint", { "": accessPointFor({ AWS: "*" }) }),
  ...plant("access_points_are_for_named_principals", "PlantedAccessPoint", {
    "": accessPointFor({ AWS: "444455556666" }, { RestrictPublicBuckets: false }),
  }),
  ...plant("functions_are_called_for_this_account", "PlantedPermission", {
    "": {
      Type: "AWS::Lambda::Permission",
      Properties: { Principal: "*", SourceAccount: "111122223333", SourceArn: "arn" },
    },
  }),
  ...plant("functions_are_called_for_this_account", "PlantedPermission", {
    "": { Type: "AWS::Lambda::Permission", Properties: { Principal: "s3.amazonaws.com", SourceArn: "arn" } },
  }),
  ...plant("functions_are_called_for_this_account", "PlantedPermission", {
    "": {
      Type: "AWS::Lambda::Permission",
      Properties: { Principal: "events.amazonaws.com", SourceArn: "arn", SourceAccount: "111122223333" },
    },
  }),
  ...plant("functions_are_called_for_this_account", "PlantedPermission", {
    "": { Type: "AWS::Lambda::Permission", Properties: { Principal: "events.amazonaws.com" } },
  }),
];

describe("sluice.guard over generated templates", () => {
  let guard: CfnGuard;
  let folder: TemplateFolder;
  before(async function () {
    const found = await findCfnGuard();
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    guard = found;
    folder = await createTemplateFolder();
  });
  // A suite that skipped itself has no folder.
  after(() => folder?.remove());

  it("finds nothing with all, any one, and the golden sets of services switched on", async () => {
    const all: [string, SaidSettings][] = [
      ["all", withServices(NAMES)],
      ...OPTION_SETTINGS.map(([name, said]): [string, SaidSettings] => [name, said]),
      ...NAMES.map((name): [string, SaidSettings] => [name, withServices([name])]),
      ...Object.entries<SaidSettings>(GOLDEN_SETTINGS).map(([name, said]): [string, SaidSettings] => [
        `golden-${name}`,
        said,
      ]),
    ];
    const paths: string[] = [];
    for (const [name, settings] of all) paths.push(await folder.generate(name, settings));
    expect(await guard.validate(paths, { rules: RULES })).to.deep.equal([]);
  });

  it("finds every planted violation by its rule and nothing else", async () => {
    const sound = parseDocument(await readFile(await folder.generate("sound", SOUND), "utf8"));
    const planted = PLANTED.map(([rule, path, value], at) => ({ rule, path, value, name: `planted-${at}` }));
    const paths: string[] = [];
    for (const { name, path, value } of planted) {
      paths.push(await folder.write(name, alter(sound, path, value).toString({ directives: false })));
    }
    const findings = await guard.validate(paths, { rules: RULES });
    const found = planted.map(({ name, path, value }) => {
      const rules = findings.filter(({ file }) => file === `${name}.yaml`).map(({ rule }) => rule);
      return `${path} = ${JSON.stringify(value)}: ${rules.join(", ")}`;
    });
    expect(found).to.deep.equal(planted.map(({ rule, path, value }) => `${path} = ${JSON.stringify(value)}: ${rule}`));
  });

  it("finds a bucket without a policy", async () => {
    const sound = parseDocument(await readFile(await folder.generate("sound", SOUND), "utf8"));
    const path = await folder.write("bare", alter(sound, "AnchorBucketPolicy", REMOVED).toString());
    const findings = await guard.validate([path], { rules: RULES });
    expect(findings.map(({ rule }) => rule)).to.have.members(["buckets_refuse_plaintext", "buckets_refuse_old_tls"]);
  });

  it("has no rule that nothing was planted against", async () => {
    const rules = [...(await readFile(RULES, "utf8")).matchAll(/^rule (\w+)/gm)].map(([, rule]) => rule);
    expect([...new Set(PLANTED.map(([rule]) => rule))]).to.have.members(rules);
  });
});

function plant(rule: string, path: string, changes: Readonly<Record<string, unknown>>): [string, string, unknown][] {
  return Object.entries(changes).map(([below, value]) => [rule, `${path}${below}`, value]);
}

/** A VPC endpoint whose policy leads to one resource. */
function endpointTo(Resource: string): Record<string, unknown> {
  const Statement = [{ Effect: "Allow", Principal: "*", Action: "s3:*", Resource }];
  return { Type: "AWS::EC2::VPCEndpoint", Properties: { PolicyDocument: { Version: "2012-10-17", Statement } } };
}

/** An access point for one principal; `more` overrides what keeps it from the public. */
function accessPointFor(Principal: unknown, more: Record<string, boolean> = {}): Record<string, unknown> {
  const names = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
  const PublicAccessBlockConfiguration = { ...Object.fromEntries(names.map((name) => [name, true])), ...more };
  const Statement = [{ Effect: "Allow", Principal, Action: "s3:GetObject", Resource: "arn" }];
  const Policy = { Version: "2012-10-17", Statement };
  return { Type: "AWS::S3::AccessPoint", Properties: { PublicAccessBlockConfiguration, Policy } };
}

/** A copy in which the path has the value, or nothing. */
function alter(template: Document, path: string, value: unknown): Document {
  const copy = template.clone() as Document;
  const keys = ["Resources", ...path.split("/").map((key) => (/^\d+$/.test(key) ? Number(key) : key))];
  if (value === REMOVED) {
    if (!copy.deleteIn(keys)) throw new Error(`the template has nothing at ${path}`);
  } else {
    copy.setIn(keys, copy.createNode(value));
  }
  return copy;
}
