import type { Template } from "./template.ts";
import type { Properties } from "./value.ts";

/** A proactive control of AWS Control Tower that resources of the template do not meet, and the reason. */
export interface ControlTowerExemption {
  /** https://docs.aws.amazon.com/controltower/latest/controlreference/proactive-controls.html: "CT.S3.PR.10". */
  readonly control: string;
  /** Logical ids of the resources. */
  readonly resources: readonly string[];
  /** One or two sentences. */
  readonly reason: string;
}

/** An exemption and the resources that it is for: `isNeeded` decides by the properties; all resources when left out. */
type Exemption = ControlTowerExemption & { readonly isNeeded?: (properties: Properties) => boolean };

/**
 * Every failure of Control Tower's rules that a generated template may have, with any services and options; `config explain`
 * prints them. A test fails on any other failure, and on an exemption that is not needed.
 */
export const CONTROL_TOWER_EXEMPTIONS: readonly Exemption[] = [
  {
    control: "CT.S3.PR.10",
    resources: ["DataBucket", "LogBucket", "AnchorBucket", "ReplicationBucket"],
    reason:
      "The rule wants KMS keys. `encryption: kms` encrypts the files by one; by default SSE-S3 does, so that there is no key to lose, to pay for or to grant. Logs and anchors always stay with SSE-S3.",
    isNeeded: ({ BucketEncryption }) => JSON.stringify(BucketEncryption).includes("AES256"),
  },
  {
    control: "CT.S3.PR.9",
    resources: ["DataBucket", "LogBucket", "ReplicationBucket"],
    reason:
      "The rule wants Object Lock. A default retention on files would forbid purge and erasure, and S3 delivers no access logs into a locked bucket; audit anchors have a locked bucket of their own.",
  },
  {
    control: "CT.S3.PR.2",
    resources: ["DataBucket", "LogBucket"],
    reason:
      "The rule wants access logs of the bucket that receives them, which would log its own log deliveries without end. A minimal file has no bucket for those of the files.",
    isNeeded: ({ LoggingConfiguration }) => LoggingConfiguration === undefined,
  },
  {
    control: "CT.S3.PR.4",
    resources: ["LogBucket", "AnchorBucket"],
    reason:
      "The rule wants event notifications. Nobody waits for a log or an anchor; an event for each access log costs money.",
  },
  {
    control: "CT.ATHENA.PR.2",
    resources: ["AthenaWorkgroup"],
    reason: "The rule wants results under a KMS key. They are in the bucket of files, which accepts SSE-S3 alone.",
    isNeeded: ({ WorkGroupConfiguration }) => JSON.stringify(WorkGroupConfiguration).includes("SSE_S3"),
  },
  {
    control: "CT.CLOUDWATCH.PR.3",
    resources: ["CloudtrailLogGroup", "CloudwatchLogGroup", "EventbridgeLogGroup", "FirehoseLogGroup"],
    reason:
      "The rule wants a KMS key. These logs say which delivery failed and who asked for which key, and hold no content of files; CloudWatch Logs encrypts them by its own key.",
    isNeeded: ({ KmsKeyId }) => KmsKeyId === undefined,
  },
  {
    control: "CT.CLOUDWATCH.PR.2",
    resources: ["FirehoseLogGroup"],
    reason: "The rule wants logs for a year. `firehose.logDays` is less; when left out, it is a year.",
    isNeeded: ({ RetentionInDays }) => Number(RetentionInDays) < 365,
  },
  {
    control: "CT.CLOUDFRONT.PR.4",
    resources: ["CloudfrontDistribution"],
    reason:
      "The rule wants a second origin to fail over to. Files are in one bucket; replicas may lag behind or be elsewhere.",
  },
  {
    control: "CT.CLOUDFRONT.PR.5",
    resources: ["CloudfrontDistribution"],
    reason:
      "The rule wants CloudFront's older access logs, which need ACLs in the log bucket. Logs come by CloudWatch's delivery instead, which the rule does not see.",
  },
  ...["CT.CLOUDFRONT.PR.6", "CT.CLOUDFRONT.PR.7", "CT.CLOUDFRONT.PR.9"].map((control) => ({
    control,
    resources: ["CloudfrontDistribution"],
    reason:
      "The rule wants a certificate of your own. It is met as soon as `cloudfront.certificateArn` and `aliases` name one.",
    isNeeded: ({ DistributionConfig }: Properties) =>
      (DistributionConfig as Properties).ViewerCertificate === undefined,
  })),
  {
    control: "CT.CLOUDTRAIL.PR.1",
    resources: ["CloudtrailTrail"],
    reason:
      "The rule wants trails under a KMS key. They are in the log bucket under SSE-S3, and digests prove them unchanged.",
  },
  {
    control: "CT.CLOUDTRAIL.PR.3",
    resources: ["CloudtrailTrail"],
    reason:
      "The rule wants the trail in CloudWatch Logs too. `cloudtrail.logGroup` switches that off; when left out, it is on.",
    isNeeded: ({ CloudWatchLogsLogGroupArn }) => CloudWatchLogsLogGroupArn === undefined,
  },
];

/** The exemptions that a template needs, each with those of its resources that need it. */
export function findExemptions(template: Template): ControlTowerExemption[] {
  return CONTROL_TOWER_EXEMPTIONS.flatMap(({ control, resources, reason, isNeeded = () => true }) => {
    const needing = resources.filter((logicalId) => {
      const resource = template.resources[logicalId];
      return resource !== undefined && isNeeded(resource.properties);
    });
    return needing.length === 0 ? [] : [{ control, resources: needing, reason }];
  });
}
