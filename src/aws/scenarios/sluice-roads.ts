import type { Configuration } from "../generate-configuration.ts";
import type { Site } from "../template/site.ts";
import { type Request, type Scenario, STRANGER } from "./scenario.ts";

type Says = NonNullable<Request["says"]>;

/**
 * Tags that EKS Pod Identity gives to a session, all of them transitive.
 * Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
 */
const POD_TAGS = {
  "aws:RequestTag/eks-cluster-name": "files",
  "aws:RequestTag/kubernetes-namespace": "files",
  "aws:RequestTag/kubernetes-service-account": "sluice",
  "aws:TagKeys": ["eks-cluster-name", "kubernetes-namespace", "kubernetes-service-account"],
  "sts:TransitiveTagKeys": ["eks-cluster-name", "kubernetes-namespace", "kubernetes-service-account"],
};
/** What a service does not say that names no source. */
const NAMELESS = { "aws:SourceAccount": undefined, "aws:SourceArn": undefined };

/** Who becomes Sluice's own roles, and what these may do. */
export function listSluiceRoads({ site, settings }: Configuration): Scenario[] {
  const { ecs, podIdentity, irsa } = settings.compute;
  return [
    ...listTaskRoads(site, ecs),
    ...listPodRoads(site, podIdentity),
    ...(irsa === undefined ? [] : listTokenRoads(site, irsa)),
    ...listRoleRoads(site),
    ...listFileRoads(site),
    ...(settings.anchors === false ? [] : listAnchorRoads(site)),
  ];
}

function listTaskRoads(site: Site, isOpen: boolean): Scenario[] {
  const task = (account: string) => ({
    "aws:SourceAccount": account,
    "aws:SourceArn": site.arn("ecs", "task/files/0123456789abcdef", { account }),
  });
  const assume = (says: Says): Request => ({
    ...{ principal: site.principal("ecs-tasks"), action: "sts:AssumeRole", resource: site.roleArn("write"), says },
  });
  return [
    { road: "ECS gives the write role to a task of this account", isOpen, steps: [assume(task(site.account))] },
    { road: "ECS gives the write role to a task of another account", isOpen: false, steps: [assume(task(STRANGER))] },
  ];
}

function listPodRoads(site: Site, isOpen: boolean): Scenario[] {
  const assume = (role: string, says: Says): Request[] =>
    ["sts:AssumeRole", "sts:TagSession"].map((action) => ({
      principal: site.principal("pods.eks"),
      action,
      resource: site.roleArn(role),
      says: { ...POD_TAGS, ...says },
    }));
  const cluster = site.arn("eks", "cluster/files", { account: STRANGER });
  const chained: Request[] = ["sts:AssumeRole", "sts:TagSession"].map((action) => ({
    ...{ principal: site.roleArn("write"), action, resource: site.roleArn("read"), says: POD_TAGS },
  }));
  return [
    {
      road: "EKS Pod Identity gives the write role to a pod, and names no source as it does",
      isOpen,
      steps: assume("write", NAMELESS),
    },
    {
      road: "EKS Pod Identity gives the read role to a pod, and names no source as it does",
      isOpen,
      steps: assume("read", NAMELESS),
    },
    {
      road: "EKS Pod Identity gives the write role to a pod in a cluster of another account",
      isOpen: false,
      steps: assume("write", { "aws:SourceAccount": STRANGER, "aws:SourceArn": cluster }),
    },
    {
      road: "a pod whose session has the tags of EKS Pod Identity becomes the read role and reads a file",
      isOpen,
      steps: [...chained, ask(site, ["read", "s3:GetObject", `${site.keyPrefix}a`])],
    },
  ];
}

function listTokenRoads(site: Site, irsa: { provider: string; namespace: string; serviceAccount: string }): Scenario[] {
  const assume = (subject: string): Request => ({
    principal: site.arn("iam", `oidc-provider/${irsa.provider}`, { region: "" }),
    action: "sts:AssumeRoleWithWebIdentity",
    resource: site.roleArn("write"),
    says: {
      [`${irsa.provider}:sub`]: `system:serviceaccount:${subject}`,
      [`${irsa.provider}:aud`]: "sts.amazonaws.com",
    },
  });
  return [
    {
      road: "the Kubernetes service account of the settings becomes the write role by its token",
      isOpen: true,
      steps: [assume(`${irsa.namespace}/${irsa.serviceAccount}`.replace("/", ":"))],
    },
    {
      road: "another Kubernetes service account becomes the write role by its token",
      isOpen: false,
      steps: [assume(`${irsa.namespace}:another`)],
    },
  ];
}

function listRoleRoads(site: Site): Scenario[] {
  const become = (principal: string, role: string): Request => ({
    ...{ principal, action: "sts:AssumeRole", resource: site.roleArn(role) },
  });
  const somebody = site.arn("iam", "role/somebody", { region: "" });
  const stranger = site.arn("iam", "role/somebody", { region: "", account: STRANGER });
  return [
    {
      road: "the service becomes the read role and reads a file",
      isOpen: true,
      steps: [become(site.roleArn("write"), "read"), ask(site, ["read", "s3:GetObject", `${site.keyPrefix}a`])],
    },
    {
      road: "the read role becomes the write role",
      isOpen: false,
      steps: [become(site.roleArn("read"), "write")],
    },
    {
      road: "an administrator of this account becomes the write role",
      isOpen: false,
      steps: [become(somebody, "write")],
    },
    {
      road: "an administrator of this account becomes the read role",
      isOpen: false,
      steps: [become(somebody, "read")],
    },
    {
      road: "a pipeline of this account becomes the verify role and reads the bucket's policy",
      isOpen: true,
      steps: [become(somebody, "verify"), ask(site, ["verify", "s3:GetBucketPolicy", ""])],
    },
    {
      road: "the verify role reads a file",
      isOpen: false,
      steps: [ask(site, ["verify", "s3:GetObject", `${site.keyPrefix}a`])],
    },
    {
      road: "an administrator of another account becomes the verify role",
      isOpen: false,
      steps: [become(stranger, "verify")],
    },
  ];
}

function listFileRoads(site: Site): Scenario[] {
  const file = `${site.keyPrefix}a`;
  const others = `${site.externalPrefix}a`;
  const one = (road: string, isOpen: boolean, ...asked: [role: string, action: string, key: string]): Scenario => ({
    ...{ road, isOpen, steps: [ask(site, asked)] },
  });
  return [
    one("the write role uploads a file", true, "write", "s3:PutObject", file),
    one("the write role gives up an upload", true, "write", "s3:AbortMultipartUpload", file),
    one("the write role deletes a version of a file for good", true, "write", "s3:DeleteObjectVersion", file),
    one("the write role puts a file under a legal hold", true, "write", "s3:PutObjectLegalHold", file),
    one("the write role lists versions to sweep what dead uploads left", true, "write", "s3:ListBucketVersions", ""),
    one("the write role writes where AWS services write", false, "write", "s3:PutObject", others),
    one("the write role changes the bucket's policy", false, "write", "s3:PutBucketPolicy", ""),
    one("the read role finds that a file is not there", true, "read", "s3:ListBucket", ""),
    one("the read role writes a file", false, "read", "s3:PutObject", file),
    one("the read role lifts a legal hold", false, "read", "s3:PutObjectLegalHold", file),
    one("the read role deletes a file", false, "read", "s3:DeleteObject", file),
    one("the read role reads what AWS services wrote", false, "read", "s3:GetObject", others),
  ];
}

function listAnchorRoads(site: Site): Scenario[] {
  const anchor = (action: string): Request => ({
    ...{ principal: site.roleArn("write"), action, resource: `${site.anchorBucketArn}/head` },
  });
  return [
    { road: "the write role keeps a head of the audit chain", isOpen: true, steps: [anchor("s3:PutObject")] },
    {
      road: "the write role shortens how long a head of the audit chain is kept",
      isOpen: false,
      steps: [anchor("s3:BypassGovernanceRetention")],
    },
    {
      road: "the write role deletes a head of the audit chain",
      isOpen: false,
      steps: [anchor("s3:DeleteObjectVersion")],
    },
  ];
}

/** A request by a role of the template on a key of the bucket, or on the bucket itself (""). */
export function ask(
  site: Site,
  [role, action, key]: readonly [role: string, action: string, key: string],
  says?: Says,
): Request {
  const resource = key === "" ? site.bucketArn : `${site.bucketArn}/${key}`;
  return { principal: site.roleArn(role), action, resource, ...(says !== undefined && { says }) };
}
