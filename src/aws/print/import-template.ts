import type { Configuration } from "../generate-configuration.ts";
import { Policy } from "../policy/policy.ts";
import type { Resource, Template } from "../template/template.ts";
import type { Properties } from "../template/value.ts";

const IMPORT = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html";

/** Resources that may exist before the stack: the bucket, the bucket with a policy, or all that an earlier stack left. */
export const IMPORTS = ["bucket", "policy", "retained"] as const;

/** One of IMPORTS. */
export type Import = (typeof IMPORTS)[number];

/** For each type that outlives a stack, the property by which CloudFormation finds an existing resource. */
const IDENTIFIERS: Readonly<Record<string, string>> = {
  "AWS::Backup::BackupVault": "BackupVaultName",
  "AWS::Logs::LogGroup": "LogGroupName",
  "AWS::S3::Bucket": "BucketName",
  "AWS::S3::BucketPolicy": "Bucket",
};

/**
 * The template that imports existing resources into a stack, and the list of them for the change set. CloudFormation imports
 * in a separate change set that may make and change nothing else, so the template holds the imported resources alone, by
 * their names. The whole template is deployed over it afterwards. Source:
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
 */
export function createImport({ template, site }: Configuration, what: Import) {
  const names = {
    bucket: ["DataBucket"],
    policy: ["DataBucket", "DataBucketPolicy"],
    // KMS makes up the id of a key: a key that exists is named as `encryption` instead.
    retained: Object.entries(template.resources).flatMap(([name, { isRetained, type }]) =>
      isRetained && type !== "AWS::KMS::Key" ? [name] : [],
    ),
  }[what];
  const resources = Object.fromEntries(names.map((name) => [name, toImported(template.resources[name] as Resource)]));
  const description = `Imports the existing resources of bucket ${site.bucket} into the stack`;
  const imported: Template = { ...template, description, resources, outputs: {} };
  return { template: imported, list: names.map((name) => toEntry(name, resources[name] as Resource)) };
}

/** The resource with its name and its required properties. All other properties are set when the whole template is deployed. */
function toImported({ type, properties }: Resource): Resource {
  const identifier = identifierOf(type);
  const { PolicyDocument } = properties;
  return {
    type,
    why: "The resource exists already. Import changes none of its settings; deploying the whole template afterwards does.",
    source: IMPORT,
    properties: {
      [identifier]: properties[identifier] as string,
      // The policy is never complete: CloudFormation compares templates, and would find nothing left to deploy.
      ...(PolicyDocument instanceof Policy && { PolicyDocument: new Policy(PolicyDocument.statements.slice(0, 1)) }),
    },
    isRetained: true,
    isImported: true,
  };
}

/** An entry in the form that `aws cloudformation create-change-set --resources-to-import` reads. */
function toEntry(LogicalResourceId: string, { type, properties }: Resource): Properties {
  const identifier = identifierOf(type);
  return {
    ResourceType: type,
    LogicalResourceId,
    ResourceIdentifier: { [identifier]: properties[identifier] as string },
  };
}

function identifierOf(type: string): string {
  const identifier = IDENTIFIERS[type];
  if (identifier === undefined) throw new Error(`it is not known how ${type} is imported; say it here`);
  return identifier;
}
