import { z } from "zod";
import type { Statement } from "../../policy/policy.ts";
import { createRole, listObjects, readObjects, tagsOf } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";
import { createGlueDatabase, type GlueDatabase } from "./glue-database.ts";

const S3_ACCESS = "https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html";
const WORKGROUP = "https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html";
const WORKGROUP_POLICIES = "https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html";
const CATALOG_ACCESS = "https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html";

/** A workgroup whose results stay in the bucket under its encryption, and the role of the people who query. */
export const ATHENA = defineService({
  name: "athena",
  title: "Amazon Athena",
  gets: "a workgroup with enforced settings, a database, and a role for queries of data under the external prefix",
  road: ["role", "bucket setting"],
  source: S3_ACCESS,
  options: z.strictObject({
    resultDays: z.int().min(1).max(36_500).default(30).describe("Days until query results are removed."),
    queryBytesMax: z
      .int()
      .min(10_000_000)
      .optional()
      .meta({
        description:
          "Bytes that one query may scan before it is cancelled; unbounded when left out. Athena's minimum is 10 MB.",
        examples: [10_000_000_000],
      }),
  }),
  connect(site, { resultDays, queryBytesMax }) {
    const prefix = `${site.externalPrefix}athena/`;
    const workgroup = site.nameOf("athena", 128);
    const database = createGlueDatabase(site);
    return {
      resources: {
        ...database.connection.resources,
        AthenaWorkgroup: {
          type: "AWS::Athena::WorkGroup",
          why: `Sends every result to ${prefix} under ${site.keyArn === undefined ? "SSE-S3" : "the bucket's key"}. The settings are enforced: they override a client's own settings, such as KMS.`,
          source: WORKGROUP,
          properties: {
            Name: workgroup,
            Description: `Queries of data under ${site.externalPrefix} of ${site.bucket}`,
            State: "ENABLED",
            WorkGroupConfiguration: {
              EnforceWorkGroupConfiguration: true,
              PublishCloudWatchMetricsEnabled: true,
              ResultConfiguration: {
                OutputLocation: `s3://${site.bucket}/${prefix}`,
                ExpectedBucketOwner: site.account,
                EncryptionConfiguration:
                  site.keyArn === undefined
                    ? { EncryptionOption: "SSE_S3" }
                    : { EncryptionOption: "SSE_KMS", KmsKey: site.keyArn },
              },
              ...(queryBytesMax !== undefined && { BytesScannedCutoffPerQuery: queryBytesMax }),
            },
            ...tagsOf(site),
          },
        },
        AthenaRole: createRole(site, {
          purpose: "athena",
          why: "Athena has no role of its own: it reads and writes as its caller. This is the role for analysts and jobs that query.",
          source: S3_ACCESS,
          trusts: [
            {
              sid: "AssumedInTheAccount",
              why: "Principals of this account assume the role if their own policies allow it. No service assumes it, so there is no deputy to confuse.",
              source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
              principal: { roles: [site.arn("iam", "root", { region: "" })] },
            },
          ],
          statements: [...createQueryStatements(site, workgroup, database), ...createObjectStatements(site, prefix)],
        }),
      },
      bucketProperties: {
        LifecycleConfiguration: {
          Rules: [{ Id: "ExpireAthenaResults", Status: "Enabled", Prefix: prefix, ExpirationInDays: resultDays }],
        },
      },
      outputs: {
        ...database.connection.outputs,
        AthenaWorkgroupName: { description: "workgroup to query in", value: workgroup },
        AthenaRoleArn: { description: "role for queries", value: getAtt("AthenaRole", "Arn") },
      },
      notes: [
        "Athena acts as its caller: whoever queries assumes the role athena, or needs the same rights of their own.",
        `Sluice's own keys are opaque; tables are made over ${site.externalPrefix}, by the Glue crawler or by whoever may write to the database.`,
        `Where Lake Formation governs the Data Catalog, IAM is not enough: grant the role DESCRIBE on the database ${database.name} and SELECT on its tables there.`,
      ],
    };
  },
});

/** Statements for queries and for the tables' metadata. */
function createQueryStatements(site: Site, workgroup: string, database: GlueDatabase): Statement[] {
  return [
    {
      sid: "RunQueries",
      why: "Queries and their answers in this workgroup, whose settings cannot be evaded.",
      source: WORKGROUP_POLICIES,
      actions: [
        ...["athena:GetWorkGroup", "athena:StartQueryExecution", "athena:StopQueryExecution"],
        ...["athena:GetQueryExecution", "athena:BatchGetQueryExecution", "athena:ListQueryExecutions"],
        ...["athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetQueryRuntimeStatistics"],
      ],
      resources: [site.arn("athena", `workgroup/${workgroup}`)],
    },
    {
      sid: "ReadTheCatalog",
      why: "Queries read tables and partitions of the template's database, and no other's. They create and change nothing.",
      source: CATALOG_ACCESS,
      actions: [
        ...["glue:GetDatabase", "glue:GetTable", "glue:GetTables"],
        ...["glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"],
      ],
      resources: database.arns,
    },
    {
      sid: "SeeTheDefaultDatabase",
      why: "Athena reads the entry of the database default for every query. Its tables stay closed.",
      source: CATALOG_ACCESS,
      actions: ["glue:GetDatabase"],
      resources: [site.arn("glue", "catalog"), site.arn("glue", "database/default")],
    },
  ];
}

/** Statements for reading data and writing results. */
function createObjectStatements(site: Site, prefix: string): Statement[] {
  return [
    readObjects(site, site.externalPrefix, {
      sid: "ReadData",
      why: "Queries read the data of the tables, and the results of earlier queries.",
      source: S3_ACCESS,
    }),
    listObjects(site, site.externalPrefix, {
      sid: "ListData",
      why: "Athena lists the location of a table before it reads it.",
      source: S3_ACCESS,
    }),
    {
      sid: "SeeTheBucket",
      why: "Athena looks up the region of the bucket of results, and parts of results that are unfinished.",
      source: S3_ACCESS,
      actions: ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
      resources: [site.bucketArn],
    },
    {
      sid: "WriteResults",
      why: "Results are written in parts, under Athena's own prefix alone.",
      source: S3_ACCESS,
      actions: ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      resources: [site.objects(prefix)],
    },
  ];
}
