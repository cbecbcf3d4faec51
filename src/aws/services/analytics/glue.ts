import { z } from "zod";
import type { Statement } from "../../policy/policy.ts";
import { createRole, listObjects, readObjects, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt } from "../../template/template.ts";
import { FreeForm } from "../../template/value.ts";
import { defineService } from "../aws-service.ts";
import { createGlueDatabase, type GlueDatabase } from "./glue-database.ts";

const CRAWLER = "https://docs.aws.amazon.com/glue/latest/dg/crawler-prereqs.html";
const CATALOG_ACCESS = "https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html";
const LOG_GROUP = "log-group:/aws-glue/crawlers";

/** A database, and a crawler that describes the data that other writers put under the external prefix. */
export const GLUE = defineService({
  name: "glue",
  title: "AWS Glue",
  gets: "a database, and a crawler with its role that makes tables of the data under the external prefix",
  road: ["role"],
  source: CRAWLER,
  options: z.strictObject({
    schedule: z
      .string()
      .regex(/^cron\(\S+( \S+){5}\)$/, 'a schedule has six fields: "cron(0 3 * * ? *)"')
      .optional()
      .meta({
        description:
          'The times at which the crawler runs, in UTC: "cron(0 3 * * ? *)". When left out, it runs on demand.',
        examples: ["cron(0 3 * * ? *)"],
      }),
    exclude: z
      .array(z.string().min(1).max(1024))
      .max(99)
      .default([])
      .meta({
        description:
          "Glob patterns, relative to the external prefix, for data that does not become tables; Athena's results never do.",
        examples: [["tmp/**"]],
      }),
  }),
  connect(site, { schedule, exclude }) {
    const name = site.nameOf("glue", 255);
    const database = createGlueDatabase(site);
    return {
      resources: {
        ...database.connection.resources,
        GlueRole: createRole(site, {
          purpose: "glue",
          why: "The crawler reads the data that it describes and writes nothing into the bucket. AWS's managed policy for Glue would open every bucket's list and the whole catalog.",
          source: CRAWLER,
          trusts: [
            trustService(site, "glue", {
              why: "Glue assumes the role for the crawler of this template.",
              source: "https://docs.aws.amazon.com/glue/latest/dg/cross-service-confused-deputy-prevention.html",
              sourceArn: site.arn("glue", `crawler/${name}`),
            }),
          ],
          statements: createCrawlerStatements(site, database),
        }),
        GlueCrawler: {
          type: "AWS::Glue::Crawler",
          why: "Makes and renews tables. When data has vanished from the bucket, that is logged, and its table is kept.",
          source: "https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html",
          properties: {
            Name: name,
            Role: getAtt("GlueRole", "Arn"),
            DatabaseName: database.name,
            Targets: {
              S3Targets: [
                { Path: `s3://${site.bucket}/${site.externalPrefix}`, Exclusions: ["athena/**", ...exclude] },
              ],
            },
            SchemaChangePolicy: { UpdateBehavior: "UPDATE_IN_DATABASE", DeleteBehavior: "LOG" },
            ...(schedule !== undefined && { Schedule: { ScheduleExpression: schedule } }),
            ...(Object.keys(site.tags).length > 0 && { Tags: new FreeForm("json", site.tags) }),
          },
          dependsOn: ["GlueDatabase"],
        },
      },
      outputs: {
        ...database.connection.outputs,
        GlueCrawlerName: { description: "crawler to start", value: name },
      },
      notes: [
        `Sluice's own keys are opaque, so that the crawler stays under ${site.externalPrefix}: each folder there becomes a table.`,
        `Where Lake Formation governs the Data Catalog, IAM is not enough: register s3://${site.bucket}/${site.externalPrefix} there, and grant the role data location access to it and CREATE_TABLE, ALTER and DESCRIBE on the database ${database.name}.`,
        "Glue jobs are not the crawler: give each a role of its own.",
      ],
    };
  },
});

function createCrawlerStatements(site: Site, database: GlueDatabase): Statement[] {
  return [
    readObjects(site, site.externalPrefix, {
      sid: "ReadData",
      why: "The crawler opens objects to guess their columns.",
      source: CRAWLER,
    }),
    listObjects(site, site.externalPrefix, {
      sid: "ListData",
      why: "Folders become tables and partitions.",
      source: CRAWLER,
    }),
    {
      sid: "SeeTheBucket",
      why: "Glue asks for the bucket's region before it crawls.",
      source: CRAWLER,
      actions: ["s3:GetBucketLocation"],
      resources: [site.bucketArn],
    },
    {
      sid: "WriteTheCatalog",
      why: "The crawler writes tables and partitions of the template's database, and no other's. It deletes nothing.",
      source: CATALOG_ACCESS,
      actions: [
        ...["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable"],
        ...["glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"],
        ...["glue:CreatePartition", "glue:BatchCreatePartition", "glue:UpdatePartition", "glue:BatchUpdatePartition"],
      ],
      resources: database.arns,
    },
    {
      sid: "WriteLogs",
      why: "The crawler logs its findings in Glue's own log group, which it makes at its first run.",
      source: "https://docs.aws.amazon.com/glue/latest/dg/create-service-policy.html",
      actions: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
      resources: [site.arn("logs", LOG_GROUP), site.arn("logs", `${LOG_GROUP}:log-stream:*`)],
    },
  ];
}
