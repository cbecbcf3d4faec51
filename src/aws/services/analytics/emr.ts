import { z } from "zod";
import { nameKey } from "../../policy/key-use.ts";
import type { Statement } from "../../policy/policy.ts";
import { createRole, listObjects, ofThisAccountIfNamed, readObjects, trustService } from "../../policy/role.ts";
import { SettingsProblem } from "../../settings/settings-problem.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Output, type Resource, ref } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const EC2_ROLE = "https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-role-for-ec2.html";
const JOB_ROLE = "https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/security-iam-runtime-role.html";

/** Roles for the instances of EMR clusters and for the jobs of EMR Serverless. */
export const EMR = defineService({
  name: "emr",
  title: "Amazon EMR",
  gets: "an instance profile for clusters and a role for EMR Serverless jobs, which read the external prefix and write below it",
  road: ["role"],
  source: EC2_ROLE,
  options: z.strictObject({
    ec2: z.boolean().default(true).describe("Whether to make an instance profile for clusters on EC2."),
    serverless: z.boolean().default(true).describe("Whether to make a runtime role for jobs of EMR Serverless."),
  }),
  findProblems(_, { ec2, serverless }) {
    if (ec2 || serverless) return [];
    const sentence = "emr needs somebody to use it: leave ec2 or serverless on, or switch the service off";
    return [new SettingsProblem(sentence, ["services", "emr", "serverless"])];
  },
  connect(site, { ec2, serverless }) {
    return {
      resources: { ...(ec2 && createClusterResources(site)), ...(serverless && createServerlessResources(site)) },
      outputs: createOutputs({ ec2, serverless }),
      notes: [
        site.keyArn === undefined
          ? "EMR's file systems write under SSE-S3 or name no encryption, and the bucket accepts both; a security configuration that asks for SSE-KMS is refused by the bucket."
          : `EMR's file systems must name no encryption, or ${nameKey(site)}: a security configuration that asks for SSE-S3 is refused by the bucket.`,
        ...(ec2 ? ["The service role of EMR (which starts instances) reaches no file and is not made here."] : []),
        `Send logs and checkpoints under ${toPrefix(site)} too: nothing else in the bucket can be written.`,
      ],
    };
  },
});

function createClusterResources(site: Site): Record<string, Resource> {
  return {
    EmrInstanceRole: createRole(site, {
      purpose: "emr-ec2",
      why: "The role of all programs on the instances of a cluster. It replaces EMR_EC2_DefaultRole, which opens every bucket.",
      source: EC2_ROLE,
      trusts: [
        {
          sid: "AssumedByInstances",
          why: "Instances of this account assume the role: only they can carry one of its instance profiles. EC2 documents no source that it names, so another account is refused only if it is named.",
          source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html",
          principal: { services: [site.principal("ec2")] },
          conditions: ofThisAccountIfNamed(site),
        },
      ],
      statements: createDataStatements(site, EC2_ROLE),
    }),
    EmrInstanceProfile: {
      type: "AWS::IAM::InstanceProfile",
      why: "Gives the role to the instances; JobFlowRole of a cluster names it.",
      source: EC2_ROLE,
      properties: { InstanceProfileName: site.roleName("emr-ec2"), Roles: [ref("EmrInstanceRole")] },
    },
  };
}

function createServerlessResources(site: Site): Record<string, Resource> {
  return {
    EmrServerlessRole: createRole(site, {
      purpose: "emr-serverless",
      why: "Runtime role of EMR Serverless jobs.",
      source: JOB_ROLE,
      trusts: [
        trustService(site, "emr-serverless", {
          why: "Jobs of this account's applications assume the role.",
          source: "https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/getting-started.html",
          sourceArn: site.arn("emr-serverless", "/applications/*"),
        }),
      ],
      statements: createDataStatements(site, JOB_ROLE),
    }),
  };
}

/** The statements are the same for both: where a job runs does not change what it may reach. */
function createDataStatements(site: Site, source: string): Statement[] {
  return [
    readObjects(site, site.externalPrefix, {
      sid: "ReadData",
      why: "Jobs read input and scripts, and the output of earlier steps.",
      source,
    }),
    listObjects(site, site.externalPrefix, {
      sid: "ListData",
      why: "Spark and Hive list folders to plan their tasks.",
      source,
    }),
    {
      sid: "SeeTheBucket",
      why: "EMR's file systems ask for the bucket's region.",
      source,
      actions: ["s3:GetBucketLocation"],
      resources: [site.bucketArn],
    },
    {
      sid: "WriteResults",
      why: "Tasks write in parts; committers rename, which in S3 is a copy and a deletion. In a versioned bucket deletion leaves the bytes to the lifecycle.",
      source: "https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-spark-s3-optimized-committer.html",
      actions: ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      resources: [site.objects(toPrefix(site))],
    },
  ];
}

function createOutputs({ ec2, serverless }: { ec2: boolean; serverless: boolean }): Record<string, Output> {
  return {
    ...(ec2 && {
      EmrInstanceProfileName: { description: "JobFlowRole of clusters", value: ref("EmrInstanceProfile") },
    }),
    ...(serverless && {
      EmrServerlessRoleArn: {
        description: "runtime role of EMR Serverless jobs",
        value: getAtt("EmrServerlessRole", "Arn"),
      },
    }),
  };
}

function toPrefix(site: Site): string {
  return `${site.externalPrefix}emr/`;
}
