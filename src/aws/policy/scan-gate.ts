import type { PolicyStatement } from "../services/aws-service.ts";
import type { Conditions } from "./policy.ts";

const GATE = "https://docs.aws.amazon.com/guardduty/latest/ug/tag-based-access-s3-malware-protection.html";
const SCAN_TAG = "GuardDutyMalwareScanStatus";
const READS = ["s3:GetObject", "s3:GetObjectVersion"];

/** A bucket whose files are read only once they were found clean. */
export interface GatedBucket {
  readonly bucketArn: string;
  /** Prefixes of the keys that the gate is about. */
  readonly prefixes: readonly string[];
  /** ARN of the role that scans and tags; undefined where nobody does: tags then come by replication alone. */
  readonly scanner?: string;
  /** ARNs of other roles that read what has not been scanned, but sign no URL for it. */
  readonly readers?: readonly string[];
}

/**
 * The statements of a bucket's policy that keep what was not found clean from everybody. Conditions on aws:PrincipalArn
 * stand where AWS's example has NotPrincipal: they hold for every session of a role. S3 replicates the tag by
 * s3:ReplicateTags, which is not refused: who may do that is a matter of the replication role.
 * Source: https://docs.aws.amazon.com/guardduty/latest/ug/tag-based-access-s3-malware-protection.html
 */
export function createScanGate({ bucketArn, prefixes, scanner, readers = [] }: GatedBucket): PolicyStatement[] {
  const resources = prefixes.map((prefix) => `${bucketArn}/${prefix}*`);
  const scanners = scanner === undefined ? [] : [scanner];
  const common = { source: GATE, effect: "Deny", principal: "everyone", resources } as const;
  const isNotClean = { [`s3:ExistingObjectTag/${SCAN_TAG}`]: "NO_THREATS_FOUND" };
  return [
    {
      ...common,
      sid: "DenyReadsUnlessClean",
      why: `Nobody${scanner === undefined ? "" : " but the scanner and Sluice's own commits"} reads files that have not been scanned and found clean, by any way.`,
      actions: READS,
      conditions: { StringNotEquals: isNotClean, ...exceptFor([...scanners, ...readers]) },
    },
    ...(readers.length === 0
      ? []
      : [
          {
            ...common,
            sid: "DenyUrlsUnlessClean",
            why: "No URL gives out files that have not been found clean, whoever signed it: the write role passes the gate for commits alone.",
            actions: READS,
            conditions: { StringNotEquals: isNotClean, StringEquals: { "s3:authType": "REST-QUERY-STRING" } },
          },
        ]),
    {
      ...common,
      sid: "DenyScanTagByOthers",
      why:
        scanner === undefined
          ? "Nobody says here that a file is clean: the tag comes with the replica."
          : "Only the scanner says that a file is clean, with an upload or after it.",
      actions: ["s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"],
      conditions: { "ForAnyValue:StringEquals": { "s3:RequestObjectTagKeys": SCAN_TAG }, ...exceptFor(scanners) },
    },
  ];
}

/** One is written as a text, as AWS gives it back. */
function exceptFor(arns: readonly string[]): Conditions {
  if (arns.length === 0) return {};
  return { ArnNotEquals: { "aws:PrincipalArn": arns.length === 1 ? (arns[0] as string) : arns } };
}
