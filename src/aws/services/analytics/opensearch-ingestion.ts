import { z } from "zod";
import { Policy, type Statement } from "../../policy/policy.ts";
import { createRole, listObjects, ofThisAccount, readObjects, tagsOf, trustService } from "../../policy/role.ts";
import { createTlsGuard } from "../../policy/tls-guard.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource, ref } from "../../template/template.ts";
import { FreeForm } from "../../template/value.ts";
import { defineService } from "../aws-service.ts";
import { createDeadLetterQueue } from "../dead-letter-queue.ts";
import { createFileRule, fileRuleArn, noteGate } from "../event-rule.ts";

const S3_SOURCE = "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/configure-client-s3.html";
const ROLE = "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/pipeline-security-overview.html";
const DOMAIN = "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/pipeline-domain-access.html";
const FROM_RULES = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html";
/** Receipts after which a message is put aside: a file that no pipeline can read must not come back for ever. */
const RECEIPTS_MAX = 5;
/**
 * Size that a pipeline is told of a file whose event knows none. It takes 0, and no size, for an empty object and drops the
 * message; of any other it reads the object itself.
 * Source: https://github.com/opensearch-project/data-prepper, SqsWorker.java of the plugin s3-source.
 */
const UNKNOWN_SIZE_BYTES = 1;

/** A role for pipelines of OpenSearch Ingestion, and the queue that tells them of new files. */
export const OPENSEARCH_INGESTION = defineService({
  name: "opensearch-ingestion",
  title: "Amazon OpenSearch Ingestion",
  gets: "a role for pipelines that read files, which they find by a queue or by scans",
  road: ["role", "notification"],
  source: S3_SOURCE,
  partitions: ["aws", "aws-us-gov"],
  options: z.strictObject({
    source: z
      .enum(["sqs", "scan"])
      .default("sqs")
      .describe("How a pipeline finds files: a queue tells it of each new one, or it lists them on a schedule."),
    domain: z
      .string()
      .regex(/^[a-z][a-z0-9-]{2,27}$/, "a domain's name has 3 to 28 small letters, digits and hyphens")
      .optional()
      .meta({
        description:
          "Name of the OpenSearch Service domain that pipelines write to. For another sink, grant access yourself.",
        examples: ["files"],
      }),
  }),
  connect(site, { source, domain }) {
    const prefix = `${site.externalPrefix}opensearch-ingestion/`;
    const isQueued = source === "sqs";
    return {
      resources: {
        OpensearchIngestionRole: createRole(site, {
          purpose: "opensearch-ingestion",
          why: `Pipelines read files, and put documents that their sink refuses under ${prefix}.`,
          source: ROLE,
          trusts: [
            trustService(site, "osis-pipelines", {
              why: "Pipelines of this account assume the role.",
              source: DOMAIN,
              sourceArn: site.arn("osis", "pipeline/*"),
            }),
          ],
          statements: [
            ...createFileStatements(site, prefix),
            isQueued ? createQueueStatement(site) : createScanStatement(site),
            ...(domain === undefined ? [] : createDomainStatements(site, domain)),
          ],
        }),
        ...(isQueued && createQueue(site)),
      },
      outputs: {
        OpensearchIngestionRoleArn: {
          description: "role of pipelines (sts_role_arn)",
          value: getAtt("OpensearchIngestionRole", "Arn"),
        },
        ...(isQueued && {
          OpensearchIngestionQueueUrl: {
            description: "queue of new files (sqs.queue_url)",
            value: ref("OpensearchIngestionQueue"),
          },
        }),
      },
      notes: [
        isQueued
          ? 'In the pipeline\'s S3 source set notification_type to "sqs" and notification_source to "eventbridge": the queue carries events of EventBridge.'
          : `In the pipeline's S3 source scan this bucket with include_prefix ${site.keyPrefix}: any other listing is refused.`,
        `Give the pipeline's dead letters (dlq.s3) the key_path_prefix ${prefix}.`,
        ...(isQueued ? noteGate(site, "eventbridge") : []),
        domain === undefined
          ? "Grant access to your sink yourself, or name a domain."
          : `The access policy of domain ${domain} must let the role in as well; with fine-grained access control, map it to a backend role.`,
      ],
    };
  },
});

function createFileStatements(site: Site, prefix: string): Statement[] {
  return [
    readObjects(site, site.keyPrefix, { sid: "ReadFiles", why: "Pipelines ingest files.", source: S3_SOURCE }),
    {
      sid: "KeepDeadLetters",
      why: "Documents that the sink refuses are kept under the pipeline's own prefix.",
      source: "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/osis-features-overview.html",
      actions: ["s3:PutObject"],
      resources: [site.objects(prefix)],
    },
  ];
}

function createScanStatement(site: Site): Statement {
  return listObjects(site, site.keyPrefix, {
    sid: "ScanFiles",
    why: "A scan lists the prefix and reads new files.",
    source: S3_SOURCE,
  });
}

function createQueueStatement(site: Site): Statement {
  return {
    sid: "HearOfFiles",
    why: "Messages are taken, held while their file is read, and deleted once it is ingested.",
    source: S3_SOURCE,
    actions: ["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
    resources: [site.arn("sqs", toQueueName(site))],
  };
}

function createDomainStatements(site: Site, domain: string): Statement[] {
  const arn = site.arn("es", `domain/${domain}`);
  return [
    {
      sid: "DescribeTheDomain",
      why: "A pipeline asks for the endpoint of its sink.",
      source: DOMAIN,
      actions: ["es:DescribeDomain"],
      resources: [arn],
    },
    {
      sid: "WriteToTheDomain",
      why: "Documents are sent in bulk, and index templates made. Nothing is deleted by HTTP DELETE.",
      source: DOMAIN,
      actions: ["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"],
      resources: [`${arn}/*`],
    },
  ];
}

function createQueue(site: Site): Record<string, Resource> {
  const queueArn = site.arn("sqs", toQueueName(site));
  const ruleArn = fileRuleArn(site, "opensearch-ingestion");
  const deadLetters = getAtt("OpensearchIngestionDeadLetters", "Arn");
  return {
    ...createDeadLetterQueue(site, {
      logicalId: "OpensearchIngestionDeadLetters",
      purpose: "opensearch-ingestion-dead",
      ruleArn,
      queueArn,
    }),
    OpensearchIngestionQueue: {
      type: "AWS::SQS::Queue",
      why: "Pipelines have a queue of their own: two readers of one queue would each get half of the files.",
      source: S3_SOURCE,
      properties: {
        QueueName: toQueueName(site),
        SqsManagedSseEnabled: true,
        MessageRetentionPeriod: 1_209_600,
        RedrivePolicy: new FreeForm("json", { deadLetterTargetArn: deadLetters, maxReceiveCount: RECEIPTS_MAX }),
        ...tagsOf(site),
      },
    },
    OpensearchIngestionQueuePolicy: {
      type: "AWS::SQS::QueueInlinePolicy",
      why: "Accepts only TLS, and only the one sender that may put messages into the queue.",
      source: FROM_RULES,
      properties: {
        Queue: `https://sqs.${site.region}.${site.dnsSuffix}/${site.account}/${toQueueName(site)}`,
        PolicyDocument: new Policy([
          createTlsGuard("sqs", queueArn),
          {
            sid: "AllowNotifications",
            why: "EventBridge sends here for the rule of this template.",
            source: FROM_RULES,
            principal: { services: [site.principal("events")] },
            actions: ["sqs:SendMessage"],
            resources: [queueArn],
            conditions: ofThisAccount(site, ruleArn),
          },
        ]),
      },
      dependsOn: ["OpensearchIngestionQueue"],
    },
    OpensearchIngestionRule: createFileRule(site, {
      purpose: "opensearch-ingestion",
      why: "Routes new files to the queue of the pipelines.",
      unknownSize: UNKNOWN_SIZE_BYTES,
      target: {
        Id: "queue",
        Arn: getAtt("OpensearchIngestionQueue", "Arn"),
        DeadLetterConfig: { Arn: deadLetters },
      },
    }),
  };
}

function toQueueName(site: Site): string {
  return site.nameOf("opensearch-ingestion", 80);
}
