import { generateConfiguration } from "../../aws/generate-configuration.ts";
import { printCloudFormation } from "../../aws/print/print-cloudformation.ts";
import { parseSettings } from "../../aws/settings/parse-settings.ts";
import { type RenderedStack, renderStack } from "./render-stack.ts";

/** Where deployments of tests are. */
export const SITE = { region: "eu-central-1", account: "111122223333" };

/** What `sluice config generate` makes for the bucket of the pages' examples. */
export const BUCKET_CONFIGURATION = generateConfiguration(parseSettings({ ...SITE, bucket: "my-files" }));

/** The stack `files` of that bucket. */
export function renderBucketStack(): RenderedStack {
  const { site, template } = BUCKET_CONFIGURATION;
  return renderStack(printCloudFormation(template), {
    ...SITE,
    stackName: "files",
    parameters: {},
    attributes: { "WriteRole.Arn": site.roleArn("write"), "ReadRole.Arn": site.roleArn("read") },
  });
}
