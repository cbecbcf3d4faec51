import { z } from "zod";
import type { Statement } from "../../policy/policy.ts";
import { createRole, listObjects, readObjects, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const ROLE = "https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html";

/** A role for knowledge bases that learn from files. */
export const BEDROCK = defineService({
  name: "bedrock",
  title: "Amazon Bedrock Knowledge Bases",
  gets: "a role for knowledge bases, which reads and embeds files and documents below its external prefix",
  road: ["role"],
  source: ROLE,
  partitions: ["aws", "aws-us-gov"],
  options: z.strictObject({
    embeddingModel: z
      .string()
      .regex(/^[a-z0-9-]+\.[a-z0-9.:-]+$/, 'a model\'s id is written like "amazon.titan-embed-text-v2:0"')
      .default("amazon.titan-embed-text-v2:0")
      .meta({
        description: "Id of the model that turns text into vectors.",
        examples: ["cohere.embed-multilingual-v3"],
      }),
    collection: z
      .string()
      .regex(/^[a-z0-9]{3,40}$/, "a collection's id has small letters and digits")
      .optional()
      .meta({
        description:
          "Id of an OpenSearch Serverless collection that keeps the vectors. For another store, grant access yourself.",
        examples: ["abcdefghij1234567890"],
      }),
  }),
  connect(site, options) {
    const prefix = `${site.externalPrefix}bedrock/`;
    return {
      resources: {
        BedrockRole: createRole(site, {
          purpose: "bedrock",
          why: "Knowledge bases read documents and write nothing into the bucket.",
          source: ROLE,
          trusts: [
            trustService(site, "bedrock", {
              why: "Knowledge bases of this account.",
              source: ROLE,
              sourceArn: site.arn("bedrock", "knowledge-base/*"),
            }),
          ],
          statements: [...createDocumentStatements(site, prefix), ...createModelStatements(site, options)],
        }),
      },
      outputs: { BedrockRoleArn: { description: "role of knowledge bases", value: getAtt("BedrockRole", "Arn") } },
      notes: [
        `Set the data source's inclusion prefix to ${site.keyPrefix} or ${prefix}: any other listing is refused.`,
        `Bedrock knows a document's format by the ending of its key, and Sluice's keys have none: put documents that must be told apart, and their .metadata.json, under ${prefix}.`,
        ...(options.collection === undefined
          ? ["Grant access to your store of vectors yourself, or name an OpenSearch Serverless collection."]
          : ["The collection's data access policy must name the role as well."]),
      ],
    };
  },
});

function createDocumentStatements(site: Site, prefix: string): Statement[] {
  return [
    readObjects(site, site.keyPrefix, { sid: "ReadFiles", why: "Files are documents to learn.", source: ROLE }),
    readObjects(site, prefix, {
      sid: "ReadDocuments",
      why: "Bedrock reads documents whose keys tell their format, and their metadata.",
      source: ROLE,
    }),
    {
      ...listObjects(site, prefix, {
        sid: "ListDocuments",
        why: "A sync lists the data source's prefix and compares it with the documents that it knows.",
        source: ROLE,
      }),
      conditions: {
        StringLike: { "s3:prefix": [site.keyPrefix, prefix].flatMap((start) => [start, `${start}*`]) },
      },
    },
  ];
}

function createModelStatements(
  site: Site,
  { embeddingModel, collection }: { embeddingModel: string; collection?: string | undefined },
): Statement[] {
  return [
    {
      sid: "Embed",
      why: "One model turns documents and questions into vectors. Models belong to AWS: their ARNs name no account.",
      source: ROLE,
      actions: ["bedrock:InvokeModel"],
      resources: [site.arn("bedrock", `foundation-model/${embeddingModel}`, { account: "" })],
    },
    ...(collection === undefined
      ? []
      : [
          {
            sid: "StoreVectors",
            why: "Bedrock uses the data plane of one collection, whose data access policy names the indexes.",
            source: ROLE,
            actions: ["aoss:APIAccessAll"],
            resources: [site.arn("aoss", `collection/${collection}`)],
          },
        ]),
  ];
}
