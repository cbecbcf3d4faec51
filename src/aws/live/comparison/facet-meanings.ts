import type { Difference } from "./differences.ts";
import type { BucketFacet } from "./live-facets.ts";
import type { Plain } from "./plain.ts";

/** The consequences of a drift of one facet. */
interface FacetMeaning {
  /** The subject of the check, in a word or two. */
  readonly check: string;
  /** The consequence when a part of it is gone. */
  readonly lost: string;
  /** The consequence when there is something that the template does not have. */
  readonly more: string;
}

const FACETS = {
  Region: { check: "region", lost: "", more: "" },
  BucketEncryption: {
    check: "encryption",
    lost: "new files could be stored under another encryption than SSE-S3, or under keys that only a caller has and that nobody else can read them with",
    more: "new files could be encrypted by a key that services and readers may not use, and each use of it is charged",
  },
  OwnershipControls: {
    check: "ownership",
    lost: "ACLs count again: a writer could keep an object to itself, or give it to anyone beside every policy",
    more: "objects could belong to whoever wrote them, beside every policy",
  },
  PublicAccessBlockConfiguration: {
    check: "public access",
    lost: "anyone on the internet could be let in",
    more: "anyone on the internet could be let in",
  },
  VersioningConfiguration: {
    check: "versioning",
    lost: "a file that is overwritten or deleted is gone at once, replication and backups stop",
    more: "a file that is overwritten or deleted is gone at once, replication and backups stop",
  },
  LifecycleConfiguration: {
    check: "lifecycle",
    lost: "unfinished uploads, old versions or logs could be kept and paid for without end, or files stay in a dearer storage class",
    more: "files could be deleted, or moved to a class from which a presigned URL cannot fetch them, sooner than intended",
  },
  CorsConfiguration: {
    check: "CORS",
    lost: "browsers could no longer send parts or read downloads directly",
    more: "pages of other origins may use presigned URLs that they find, and read the answers",
  },
  LoggingConfiguration: {
    check: "access logs",
    lost: "nobody could tell afterwards who read or changed a file",
    more: "access logs, which name files and callers, could be delivered to somebody else",
  },
  NotificationConfiguration: {
    check: "notifications",
    lost: "services that wait for new files would not be told of them",
    more: "somebody else may be told the name of every new file",
  },
  InventoryConfigurations: {
    check: "inventories",
    lost: "the inventory that the template has could stay out",
    more: "a list of all files could be delivered to somebody else",
  },
  MetadataConfiguration: {
    check: "metadata tables",
    lost: "changes of files, or the files themselves, could be missing from the tables that are asked",
    more: "names and sizes of all files are kept in tables that the template does not have",
  },
  MetricsConfigurations: {
    check: "request metrics",
    lost: "alarms on requests and errors of the bucket could stay silent",
    more: "requests are not counted as intended",
  },
  IntelligentTieringConfigurations: {
    check: "archive tiers",
    lost: "files are not tiered as intended",
    more: "files could be archived, and a presigned URL of an archived file answers an error",
  },
  ReplicationConfiguration: {
    check: "replication",
    lost: "files could lack the copy that the template promises",
    more: "files could be copied to another bucket, account or region, outside of the residency, and stay there once they are erased here",
  },
  ObjectLockConfiguration: {
    check: "object lock",
    lost: "whoever may write to the bucket could rewrite or delete objects that must be kept",
    more: "objects could not be purged or erased before the lock ends",
  },
  AccelerateConfiguration: {
    check: "acceleration",
    lost: "the accelerated endpoint is closed",
    more: "files may travel by edge locations outside of the residency",
  },
  WebsiteConfiguration: {
    check: "website",
    lost: "the bucket's website is closed",
    more: "files could be served as a website over plain HTTP once something is public",
  },
  Tags: {
    check: "tags",
    lost: "rights and costs that go by tags could leave the bucket out",
    more: "rights and costs that go by tags could take the bucket in",
  },
  Policy: { check: "policy", lost: "", more: "" },
} as const satisfies Readonly<Record<BucketFacet, FacetMeaning>>;

const PUBLIC_ACCESS: Readonly<Record<string, string>> = {
  BlockPublicAcls: "an ACL that lets anyone in could be set",
  IgnorePublicAcls: "an ACL that lets anyone in would count",
  BlockPublicPolicy: "a policy that lets anyone in could be set",
  RestrictPublicBuckets: "anyone may use what a public policy allows",
};

/** Name of the facet's check. */
export function toCheckName(facet: BucketFacet): string {
  return FACETS[facet].check;
}

/** The consequence of this difference for users of the files. */
export function toFacetMeaning(facet: BucketFacet, differences: readonly Difference[]): string {
  if (facet === "PublicAccessBlockConfiguration") {
    const open = Object.keys(PUBLIC_ACCESS).filter((name) => differences.some(({ path }) => path === name));
    if (open.length > 0) return open.map((name) => PUBLIC_ACCESS[name]).join("; ");
  }
  const { lost, more } = FACETS[facet];
  const sentences = [
    ...(differences.some(({ expected }) => expected !== undefined) ? [lost] : []),
    ...(differences.some(({ actual }) => actual !== undefined) ? [more] : []),
  ];
  return [...new Set(sentences)].join("; ");
}

/** The regions where the data is and where it may be. */
export function toRegionMeaning(actual: string, residency: readonly string[]): string {
  return residency.includes(actual)
    ? `files lie in ${actual}: allowed, but the policies and services of the configuration are made for another region`
    : `files lie in ${actual}, outside of the residency (${residency.join(", ")})`;
}

/** The consequences when the bucket is missing altogether. */
export function toMissingBucketMeaning(facets: Readonly<Partial<Record<BucketFacet, Plain>>>): string {
  const isLogged = facets.LoggingConfiguration !== undefined;
  return isLogged
    ? "nothing can be kept in it, and nothing else of it can be checked"
    : "nothing can be delivered to it, and nothing else of it can be checked";
}
