import type { Destination } from "../services/aws-service.ts";
import type { Settings } from "../settings/settings.ts";
import type { Site } from "../template/site.ts";
import type { Resource } from "../template/template.ts";
import { createCloudControlStatements } from "./cloud-control-statements.ts";
import type { Statement } from "./policy.ts";
import { createRole, type Trust, trustService } from "./role.ts";

/** Purposes of the roles that Sluice itself runs under. */
export const SLUICE_ROLES = ["write", "read"] as const;

/** Resources that `verify` reads beside the template's own: resources of services, and buckets that they copy into. */
interface Verified {
  readonly others: Readonly<Record<string, Resource>>;
  readonly destinations: readonly Destination[];
}

const S3_ACTIONS = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html";

/**
 * Sluice's own roles: `write` for commands (uploads, deletion), `read` for queries and presigned downloads, and `verify` for
 * the person who runs `sluice config verify`, which also reads the buckets and roles of services and their `destinations`.
 */
export function createSluiceRoles(site: Site, settings: Settings, verified: Verified): Record<string, Resource> {
  const trusts = createComputeTrusts(site, settings);
  return {
    WriteRole: createRole(site, {
      purpose: "write",
      why: "Sluice's commands: uploads in parts, their commit, deletion. Only its tasks or pods assume the role.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html",
      trusts,
      statements: [
        ...createWriteStatements(site),
        createReaderStatement(site, settings),
        ...createAnchorStatements(site, settings),
        ...createEventStatements(settings),
      ],
    }),
    ReadRole: createRole(site, {
      purpose: "read",
      why: "Sluice's queries and presigned downloads: reads files and changes nothing. The service assumes it if SLUICE_S3_READ_ROLE_ARN names it.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html",
      trusts: [...trusts, createReaderTrust(site, settings)],
      statements: createReadStatements(site),
    }),
    VerifyRole: createRole(site, {
      purpose: "verify",
      why: "Reads the settings of all that the template makes for `sluice config verify`, and no file.",
      source: S3_ACTIONS,
      trusts: [
        {
          sid: "AssumedInTheAccount",
          why: "Principals of this account assume the role if their own policies allow it, such as a pipeline's role.",
          source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
          principal: { roles: [site.arn("iam", "root", { region: "" })] },
        },
      ],
      statements: createVerifyStatements(site, settings, verified),
    }),
  };
}

function createWriteStatements(site: Site): Statement[] {
  return [
    {
      sid: "WriteFiles",
      why: "Writes parts and whole objects under Sluice's own prefix, and aborts uploads that were begun.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html",
      actions: ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      resources: [site.objects(site.keyPrefix)],
    },
    {
      sid: "ReadFiles",
      why: "Bytes are read back when a checksum is asked for after a resume; HEAD decides whether a commit happened. Both name versions, because Sluice always names the one that it wrote.",
      source: S3_ACTIONS,
      actions: ["s3:GetObject", "s3:GetObjectVersion"],
      resources: [site.objects(site.keyPrefix)],
    },
    {
      sid: "DeleteFiles",
      why: "Purge removes bytes for good: in a versioned bucket that is deletion of a version.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html",
      actions: ["s3:DeleteObject", "s3:DeleteObjectVersion"],
      resources: [site.objects(site.keyPrefix)],
    },
    {
      sid: "HoldFiles",
      why: "A legal hold on a file is set on its version too, where the bucket has Object Lock; it is lifted likewise.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html",
      actions: ["s3:PutObjectLegalHold"],
      resources: [site.objects(site.keyPrefix)],
    },
    {
      sid: "SeeTheBucket",
      why: "Unfinished uploads, and versions that dead uploads left, are listed to be swept. ListBucket has no s3:prefix condition: a HEAD names no prefix, and would answer 403 when the commit needs a 404.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html",
      actions: ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"],
      resources: [site.bucketArn],
    },
  ];
}

const POD_TAGS = "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html";

/**
 * What one role needs to become the other. The session that EKS Pod Identity gives to a pod has tags, and these are
 * transitive: STS sets them on the next session too, which both roles must allow.
 * Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
 */
function toReaderActions({ compute }: Settings): readonly string[] {
  return compute.podIdentity ? ["sts:AssumeRole", "sts:TagSession"] : ["sts:AssumeRole"];
}

/** The service reads for callers under the read role, so that what binds readers binds what it gives out. */
function createReaderStatement(site: Site, settings: Settings): Statement {
  const { podIdentity } = settings.compute;
  return {
    sid: "BecomeReader",
    why: `Files are read for callers, and their URLs signed, under the read role.${podIdentity ? " The tags of a pod's session go with it." : ""}`,
    source: podIdentity
      ? POD_TAGS
      : "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_permissions-to-switch.html",
    actions: toReaderActions(settings),
    resources: [site.roleArn("read")],
  };
}

/** A condition instead of the role as principal: it holds for a role that is deleted and made again. */
function createReaderTrust(site: Site, settings: Settings): Trust {
  return {
    sid: "AssumedByWriteRole",
    why: "Sluice itself, which reads for callers under this role.",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    principal: { roles: [site.arn("iam", "root", { region: "" })] },
    actions: toReaderActions(settings),
    conditions: { ArnEquals: { "aws:PrincipalArn": site.roleArn("write") } },
  };
}

/** Allows adding heads of the audit chain to the anchor bucket; its lock keeps them. */
function createAnchorStatements(site: Site, { anchors }: Settings): Statement[] {
  if (anchors === false) return [];
  return [
    {
      sid: "AnchorTheAudit",
      why: "Heads of the audit chain are written to the locked bucket and read back. There is no right to shorten or bypass retention.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html",
      actions: ["s3:PutObject", "s3:GetObject"],
      resources: [`${site.anchorBucketArn}/*`],
    },
  ];
}

/** Allows sending events to the buses that subscriptions may name, and to no other. */
function createEventStatements({ eventBuses }: Settings): Statement[] {
  if (eventBuses.length === 0) return [];
  return [
    {
      sid: "SendEvents",
      why: "Events of namespaces are sent to the buses that their subscriptions name, among these.",
      source: "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html",
      actions: ["events:PutEvents"],
      resources: eventBuses,
    },
  ];
}

function createReadStatements(site: Site): Statement[] {
  return [
    {
      sid: "ReadFiles",
      why: "Downloads, by the service itself and by URLs presigned with this role; both name the version that was committed.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html",
      actions: ["s3:GetObject", "s3:GetObjectVersion"],
      resources: [site.objects(site.keyPrefix)],
    },
    {
      sid: "SeeTheBucket",
      why: "The bucket's region is checked at start; without ListBucket a missing object would answer 403 instead of 404.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
      actions: ["s3:ListBucket", "s3:GetBucketLocation"],
      resources: [site.bucketArn],
    },
  ];
}

function createVerifyStatements(site: Site, { anchors }: Settings, { others, destinations }: Verified): Statement[] {
  const toBucketArn = (bucket: string) => site.arn("s3", bucket, { region: "", account: "" });
  const namesOf = (type: string, name: string) =>
    Object.values(others)
      .filter((resource) => resource.type === type)
      .map(({ properties }) => properties[name] as string);
  const buckets = namesOf("AWS::S3::Bucket", "BucketName").map(toBucketArn);
  const roles = namesOf("AWS::IAM::Role", "RoleName").map((role) => site.arn("iam", `role/${role}`, { region: "" }));
  return [
    {
      sid: "ReadBucketSettings",
      why: "Reads every setting that the template makes, and nothing that is in the buckets.",
      source: S3_ACTIONS,
      actions: [
        ...["s3:GetBucketLocation", "s3:GetEncryptionConfiguration", "s3:GetBucketOwnershipControls"],
        ...["s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration"],
        ...["s3:GetBucketLogging", "s3:GetBucketNotification", "s3:GetBucketCORS", "s3:GetBucketTagging"],
        ...["s3:GetBucketPolicy", "s3:GetInventoryConfiguration", "s3:GetMetricsConfiguration"],
        ...["s3:GetReplicationConfiguration", "s3:GetBucketObjectLockConfiguration", "s3:ListBucket"],
        ...["s3:GetBucketMetadataTableConfiguration", "s3:GetIntelligentTieringConfiguration"],
        ...["s3:GetAccelerateConfiguration", "s3:GetBucketWebsite"],
      ],
      resources: [
        ...[site.bucketArn, site.logBucketArn, ...(anchors === false ? [] : [site.anchorBucketArn])],
        ...buckets,
      ],
    },
    ...(destinations.length === 0
      ? []
      : [
          {
            sid: "ReadDestinations",
            why: "Reads the region of the buckets that files are copied into, and whether they keep versions.",
            source: S3_ACTIONS,
            actions: ["s3:GetBucketLocation", "s3:GetBucketVersioning"],
            resources: destinations.map(({ bucket }) => toBucketArn(bucket)),
          },
        ]),
    {
      sid: "ReadRoles",
      why: "Reads the roles of the template and their policies.",
      source:
        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html",
      actions: ["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"],
      resources: [...[...SLUICE_ROLES, "verify"].map((purpose) => site.roleArn(purpose)), ...roles],
    },
    ...createCloudControlStatements(site, others),
    {
      sid: "ValidatePolicies",
      why: "Lets AWS check the policies for mistakes. The action has no resource, and reads only the text that it is given.",
      source: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiamaccessanalyzer.html",
      actions: ["access-analyzer:ValidatePolicy"],
      resources: ["*"],
    },
  ];
}

/** The principals that run Sluice: ECS tasks, and EKS pods by Pod Identity or by a service account's token (IRSA). */
function createComputeTrusts(site: Site, { compute }: Settings): Trust[] {
  const { ecs, podIdentity, irsa } = compute;
  const trusts: Trust[] = [];
  if (ecs) {
    trusts.push(
      trustService(site, "ecs-tasks", {
        sid: "AssumedByEcsTasks",
        why: "ECS gives the role to Sluice's tasks of this account and region.",
        source: "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
        sourceArn: site.arn("ecs", "*"),
      }),
    );
  }
  if (podIdentity) {
    trusts.push({
      ...trustService(site, "pods.eks", {
        sid: "AssumedByEksPods",
        why: "EKS Pod Identity gives the role to the pods that an association names. Its document shows no source that it names; another account's is refused where it is named.",
        source: "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html",
        sourceArn: site.arn("eks", "cluster/*"),
        isUndocumented: true,
      }),
      actions: ["sts:AssumeRole", "sts:TagSession"],
    });
  }
  if (irsa !== undefined) {
    trusts.push({
      sid: "AssumedByServiceAccount",
      why: `Only the Kubernetes service account ${irsa.namespace}/${irsa.serviceAccount} gets the role, by the token of its cluster.`,
      source: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
      principal: { federated: site.arn("iam", `oidc-provider/${irsa.provider}`, { region: "" }) },
      actions: ["sts:AssumeRoleWithWebIdentity"],
      conditions: {
        StringEquals: {
          [`${irsa.provider}:sub`]: `system:serviceaccount:${irsa.namespace}:${irsa.serviceAccount}`,
          // EKS puts this audience into tokens, even in China, where STS has another host name.
          [`${irsa.provider}:aud`]: "sts.amazonaws.com",
        },
      },
    });
  }
  return trusts;
}
