import {
  AttachRolePolicyCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteRolePermissionsBoundaryCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  type IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  ListRoleTagsCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from "@aws-sdk/client-iam";
import type { RoleFacet } from "../../../aws/live/comparison/live-facets.ts";
import { type Plain, type PlainMap, toList } from "../../../aws/live/comparison/plain.ts";

/** Makes a role that nobody may assume. */
export async function createLiveRole(iam: IAMClient, RoleName: string): Promise<void> {
  const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
}

/** Makes a managed policy that may be attached or be a boundary; resolves to its ARN. */
export async function createManagedPolicy(iam: IAMClient, PolicyName: string): Promise<string> {
  const Statement = [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }];
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName, PolicyDocument }));
  return Policy?.Arn as string;
}

/** Sets one facet of a role to what CloudFormation's properties say, and takes away what they do not say. */
export async function deployRoleFacet(
  iam: IAMClient,
  RoleName: string,
  { facet, value }: { facet: RoleFacet; value: Plain | undefined },
): Promise<void> {
  switch (facet) {
    case "Role":
      return await deployRecord(iam, RoleName, (value ?? {}) as PlainMap);
    case "Policies":
      return await deployPolicies(iam, RoleName, toList(value) as PlainMap[]);
    case "ManagedPolicyArns":
      return await deployAttached(iam, RoleName, toList(value).map(String));
  }
}

async function deployRecord(iam: IAMClient, RoleName: string, record: PlainMap): Promise<void> {
  const { AssumeRolePolicyDocument, PermissionsBoundary, MaxSessionDuration, Tags } = record;
  const PolicyDocument = JSON.stringify(AssumeRolePolicyDocument ?? {});
  await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
  await iam.send(new UpdateRoleCommand({ RoleName, MaxSessionDuration: Number(MaxSessionDuration ?? 3600) }));
  const boundary = PermissionsBoundary === undefined ? undefined : String(PermissionsBoundary);
  await iam.send(
    boundary === undefined
      ? new DeleteRolePermissionsBoundaryCommand({ RoleName })
      : (new PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary: boundary }) as never),
  );
  const { Tags: before = [] } = await iam.send(new ListRoleTagsCommand({ RoleName }));
  await iam.send(new UntagRoleCommand({ RoleName, TagKeys: before.map(({ Key }) => Key as string) }));
  await iam.send(new TagRoleCommand({ RoleName, Tags: toList(Tags) as never }));
}

async function deployPolicies(iam: IAMClient, RoleName: string, policies: readonly PlainMap[]): Promise<void> {
  const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  for (const PolicyName of PolicyNames) await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
  for (const { PolicyName, PolicyDocument } of policies) {
    const input = { PolicyName: String(PolicyName), PolicyDocument: JSON.stringify(PolicyDocument) };
    await iam.send(new PutRolePolicyCommand({ RoleName, ...input }));
  }
}

async function deployAttached(iam: IAMClient, RoleName: string, arns: readonly string[]): Promise<void> {
  const { AttachedPolicies = [] } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
  for (const { PolicyArn } of AttachedPolicies) await iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
  for (const PolicyArn of arns) await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
}
