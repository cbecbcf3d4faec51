import { z } from "zod";
import { nameKey } from "../../policy/key-use.ts";
import type { Statement } from "../../policy/policy.ts";
import { createRole, listObjects, readObjects, trustService } from "../../policy/role.ts";
import { SettingsProblem } from "../../settings/settings-problem.ts";
import { findUsedBucket } from "../../template/own-buckets.ts";
import type { Site } from "../../template/site.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const ROLES = "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html";
const OUTPUT_ENCRYPTION = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_OutputDataConfig.html";

/** An execution role that reads files and writes below the external prefix, or into a bucket that accepts KMS. */
export const SAGEMAKER = defineService({
  name: "sagemaker",
  title: "Amazon SageMaker AI",
  gets: "an execution role that reads files and writes below the external prefix or into a bucket for its outputs",
  road: ["role"],
  source: ROLES,
  options: z.strictObject({
    outputBucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "the output bucket is the name of a bucket")
      .optional()
      .meta({
        description:
          "Another bucket of this account for outputs: jobs encrypt theirs by KMS, which the bucket of files refuses.",
        examples: ["my-models"],
      }),
    outputKey: z
      .string()
      .regex(
        /^arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/,
        "an output key is the ARN of a KMS key",
      )
      .optional()
      .meta({
        description:
          "ARN of the KMS key of outputs; it needs `outputBucket`. When left out, S3's own KMS key is used, which needs no grant.",
        examples: ["arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
      }),
  }),
  findProblems(site, { outputBucket, outputKey }) {
    const path = ["services", "sagemaker", "outputBucket"];
    if (outputBucket === site.bucket || (outputKey !== undefined && outputBucket === undefined)) {
      const taken =
        site.keyArn === undefined
          ? "SSE-S3 alone, and SageMaker encrypts the outputs of jobs by KMS"
          : "its own key alone, which jobs name themselves";
      const sentence = `bucket ${site.bucket} takes ${taken}; name another bucket for them`;
      return [new SettingsProblem(sentence, path)];
    }
    return outputBucket === undefined ? [] : findUsedBucket(site, outputBucket, { what: "outputs", path });
  },
  connect(site, { outputBucket, outputKey }) {
    const prefix = `${site.externalPrefix}sagemaker/`;
    return {
      resources: {
        SagemakerRole: createRole(site, {
          purpose: "sagemaker",
          why: `Jobs and notebooks read files and ${prefix}, and write there${outputBucket === undefined ? "" : ` and into ${outputBucket}`}.`,
          source: ROLES,
          trusts: [
            trustService(site, "sagemaker", {
              why: "Jobs, endpoints and notebooks of this account and region assume the role.",
              source: "https://docs.aws.amazon.com/sagemaker/latest/dg/security-confused-deputy-prevention.html",
              sourceArn: site.arn("sagemaker", "*"),
            }),
          ],
          statements: [
            ...createDataStatements(site, prefix),
            ...(outputBucket === undefined ? [] : createOutputStatements(site, outputBucket, outputKey)),
            ...createRunStatements(site),
          ],
        }),
      },
      outputs: { SagemakerRoleArn: { description: "execution role", value: getAtt("SagemakerRole", "Arn") } },
      notes: [
        site.keyArn !== undefined
          ? `Training, tuning and transform jobs encrypt their outputs by S3's own KMS key when they name none, and the bucket refuses that: give them ${nameKey(site)} as KmsKeyId for outputs under ${prefix}.`
          : `Training, tuning and transform jobs always encrypt their outputs by KMS (S3's own key when they name none), and the bucket refuses that. ${
              outputBucket === undefined ? "Name an outputBucket for them" : `Send them to s3://${outputBucket}/`
            }; what code itself writes under ${prefix} without asking for KMS is taken.`,
        "The role passes itself to SageMaker and to nothing else; grant sagemaker: actions to whoever starts jobs.",
      ],
    };
  },
});

function createDataStatements(site: Site, prefix: string): Statement[] {
  return [
    readObjects(site, site.keyPrefix, {
      sid: "ReadFiles",
      why: "Models learn from files.",
      source: ROLES,
    }),
    readObjects(site, prefix, {
      sid: "ReadResults",
      why: "Each step reads the output of the previous one.",
      source: ROLES,
    }),
    {
      ...listObjects(site, prefix, {
        sid: "ListData",
        why: "A channel of type S3Prefix is listed, and a whole prefix may be given.",
        source: ROLES,
      }),
      conditions: {
        StringLike: { "s3:prefix": [site.keyPrefix, prefix].flatMap((start) => [start, `${start}*`]) },
      },
    },
    {
      sid: "WriteResults",
      why: "Jobs write only under SageMaker's own prefix, and only by the bucket's own encryption: the bucket refuses another.",
      source: ROLES,
      actions: ["s3:PutObject", "s3:AbortMultipartUpload"],
      resources: [site.objects(prefix)],
    },
  ];
}

/** Statements for the bucket that accepts KMS. The bucket belongs to this account: `createRole` requires that. */
function createOutputStatements(site: Site, bucket: string, key: string | undefined): Statement[] {
  const bucketArn = site.arn("s3", bucket, { region: "", account: "" });
  return [
    {
      sid: "WriteOutputs",
      why: "Jobs write models and predictions, which SageMaker encrypts by KMS, and endpoints read them.",
      source: OUTPUT_ENCRYPTION,
      actions: ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"],
      resources: [`${bucketArn}/*`],
    },
    {
      sid: "ListOutputs",
      why: "A model is found by its prefix.",
      source: OUTPUT_ENCRYPTION,
      actions: ["s3:ListBucket"],
      resources: [bucketArn],
    },
    ...(key === undefined
      ? []
      : [
          {
            sid: "UseOutputKey",
            why: "Outputs are encrypted and read back with this key, through S3 alone. The key's policy must allow it too.",
            source: OUTPUT_ENCRYPTION,
            actions: ["kms:Encrypt", "kms:GenerateDataKey", "kms:Decrypt"],
            resources: [key],
            conditions: { StringEquals: { "kms:ViaService": `s3.${site.region}.${site.dnsSuffix}` } },
          },
        ]),
  ];
}

/** Statements for everything that a job needs beside data: its image, logs and metrics, and the start of the next step. */
function createRunStatements(site: Site): Statement[] {
  const logs = "log-group:/aws/sagemaker/*";
  return [
    {
      sid: "PassItself",
      why: "Pipelines and notebooks start jobs under the role they run in: to SageMaker, and to no other service.",
      source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
      actions: ["iam:PassRole"],
      resources: [site.roleArn("sagemaker")],
      conditions: { StringEquals: { "iam:PassedToService": site.principal("sagemaker") } },
    },
    {
      sid: "WriteLogs",
      why: "Jobs and endpoints log into SageMaker's own groups, which they make when first used.",
      source: ROLES,
      actions: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
      resources: [site.arn("logs", logs), site.arn("logs", `${logs}:log-stream:*`)],
    },
    {
      sid: "PutMetrics",
      why: "Jobs write metrics. The action has no resource, so the namespace bounds it.",
      source: ROLES,
      actions: ["cloudwatch:PutMetricData"],
      resources: ["*"],
      conditions: { StringLike: { "cloudwatch:namespace": "/aws/sagemaker/*" } },
    },
    {
      sid: "AuthorizeToRegistry",
      why: "Jobs get a token to pull images. The action has no resource, and the token opens none by itself.",
      source: ROLES,
      actions: ["ecr:GetAuthorizationToken"],
      resources: ["*"],
    },
    {
      sid: "PullImages",
      why: "Images of algorithms and frameworks are in AWS's own accounts, a different one for each framework and region.",
      source: "https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html",
      actions: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
      resources: [site.arn("ecr", "repository/*", { account: "*" })],
    },
  ];
}
