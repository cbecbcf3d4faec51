import type { BucketFacet } from "./live-facets.ts";
import { isPlainMap, type Plain, type PlainMap, toList } from "./plain.ts";

/** Facets whose API takes the same form as CloudFormation, with the command and option that set them. */
const SAME_FORM: Readonly<Partial<Record<BucketFacet, readonly [command: string, option: string]>>> = {
  OwnershipControls: ["put-bucket-ownership-controls", "ownership-controls"],
  PublicAccessBlockConfiguration: ["put-public-access-block", "public-access-block-configuration"],
  VersioningConfiguration: ["put-bucket-versioning", "versioning-configuration"],
  ObjectLockConfiguration: ["put-object-lock-configuration", "object-lock-configuration"],
};

/** Commands that remove settings which the template does not have; CloudFormation leaves these alone. */
const REMOVALS: Readonly<Partial<Record<BucketFacet, string>>> = {
  LifecycleConfiguration: "delete-bucket-lifecycle",
  CorsConfiguration: "delete-bucket-cors",
  ReplicationConfiguration: "delete-bucket-replication",
  WebsiteConfiguration: "delete-bucket-website",
  Tags: "delete-bucket-tagging",
};

/** Settings that are removed by setting an empty one. */
const EMPTIED: Readonly<Partial<Record<BucketFacet, string>>> = {
  LoggingConfiguration: "put-bucket-logging --bucket-logging-status '{}'",
  NotificationConfiguration: "put-bucket-notification-configuration --notification-configuration '{}'",
  AccelerateConfiguration: "put-bucket-accelerate-configuration --accelerate-configuration Status=Suspended",
};

/** Lists of configurations with an id each, which are removed one by one. */
const BY_ID: Readonly<Partial<Record<BucketFacet, string>>> = {
  InventoryConfigurations: "delete-bucket-inventory-configuration",
  IntelligentTieringConfigurations: "delete-bucket-intelligent-tiering-configuration",
};

/** The command that gives the facet of the bucket the template's value; `revert` when no single command does. */
export function toFacetMend(
  facet: BucketFacet,
  bucket: string,
  { expected, actual, revert }: { expected: Plain | undefined; actual: Plain | undefined; revert: string },
): string {
  const run = (command: string) => {
    const [name = "", ...options] = command.split(" ");
    return [`aws s3api ${name} --bucket ${bucket}`, ...options].join(" ");
  };
  const same = SAME_FORM[facet];
  if (expected !== undefined && same !== undefined) return run(`${same[0]} --${same[1]} ${quote(expected)}`);
  if (expected !== undefined && facet === "BucketEncryption") {
    return run(`put-bucket-encryption --server-side-encryption-configuration ${quote(toEncryption(expected))}`);
  }
  const extra = findExtraIds(expected, actual);
  if (BY_ID[facet] !== undefined && extra.length > 0) {
    return extra.map((id) => run(`${BY_ID[facet]} --id ${quote(id)}`)).join("; ");
  }
  const removal = REMOVALS[facet] ?? EMPTIED[facet];
  return expected === undefined && removal !== undefined ? run(removal) : revert;
}

/** S3's API has other names than CloudFormation for two members. */
function toEncryption(expected: Plain): Plain {
  const rules = isPlainMap(expected) ? toList(expected.ServerSideEncryptionConfiguration) : [];
  return {
    Rules: (rules as PlainMap[]).map(({ ServerSideEncryptionByDefault: byDefault = {}, ...others }) => ({
      ApplyServerSideEncryptionByDefault: byDefault,
      ...others,
    })),
  };
}

/** Ids of the configurations that the template does not have. */
function findExtraIds(expected: Plain | undefined, actual: Plain | undefined): string[] {
  const idsOf = (list: Plain | undefined) => toList(list).map((item) => String((item as PlainMap).Id));
  if (!Array.isArray(actual)) return [];
  return idsOf(actual).filter((id) => !idsOf(expected).includes(id));
}

/** Quotes a value as one word for a POSIX shell. */
function quote(value: Plain): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
