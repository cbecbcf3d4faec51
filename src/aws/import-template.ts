import type { Configuration } from "./generate-configuration.ts";
import type { Template } from "./template.ts";

/**
 * The template that takes a bucket that exists already into a stack. CloudFormation imports in a change set of its own
 * that may make and change nothing else, so this one holds the bucket alone, by its name; the whole template is
 * deployed over it afterwards.
 * Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
 */
export function toImportTemplate({ template, site }: Configuration): Template {
  const { DataBucket } = template.resources;
  if (DataBucket === undefined) throw new Error("the template has no bucket");
  return {
    ...template,
    description: `Takes the existing bucket ${site.bucket} into the stack`,
    resources: {
      DataBucket: {
        type: DataBucket.type,
        why: "Exists already. Import changes none of its settings; deploying the whole template afterwards does.",
        source: "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html",
        properties: { BucketName: site.bucket },
        isRetained: true,
      },
    },
    outputs: {},
  };
}
