import {
  GetRoleCommand,
  GetRolePolicyCommand,
  type IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
} from "@aws-sdk/client-iam";
import type { RoleFacet } from "../comparison/live-facets.ts";
import { type Plain, toPlain } from "../comparison/plain.ts";

/** Pages of a list that are read. A role has at most 20 attached policies, so there usually is one page. */
const PAGES_MAX = 10;

/** Reads one facet of a role in CloudFormation's form. Throws the SDK's errors. */
export async function readRoleFacet(
  iam: IAMClient,
  role: string,
  { facet, signal }: { facet: RoleFacet; signal: AbortSignal },
): Promise<Plain | undefined> {
  switch (facet) {
    case "Role":
      return await readRole(iam, role, { signal });
    case "Policies":
      return await readInlinePolicies(iam, role, { signal });
    case "ManagedPolicyArns":
      return await readAttachedPolicies(iam, role, { signal });
  }
}

async function readRole(iam: IAMClient, name: string, options: { signal: AbortSignal }): Promise<Plain | undefined> {
  const { Role } = await iam.send(new GetRoleCommand({ RoleName: name }), { abortSignal: options.signal });
  return toPlain({
    AssumeRolePolicyDocument: parseDocument(Role?.AssumeRolePolicyDocument),
    Path: Role?.Path,
    MaxSessionDuration: Role?.MaxSessionDuration,
    Description: Role?.Description || undefined,
    PermissionsBoundary: Role?.PermissionsBoundary?.PermissionsBoundaryArn,
    Tags: Role?.Tags?.length === 0 ? undefined : Role?.Tags,
  });
}

async function readInlinePolicies(
  iam: IAMClient,
  role: string,
  { signal }: { signal: AbortSignal },
): Promise<Plain | undefined> {
  const names: string[] = [];
  let marker: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const input = { RoleName: role, ...(marker !== undefined && { Marker: marker }) };
    const { PolicyNames, IsTruncated, Marker } = await iam.send(new ListRolePoliciesCommand(input), {
      abortSignal: signal,
    });
    names.push(...(PolicyNames ?? []));
    marker = Marker;
    if (!IsTruncated) break;
  }
  const policies: Plain[] = [];
  for (const name of names) {
    const input = { RoleName: role, PolicyName: name };
    const { PolicyDocument } = await iam.send(new GetRolePolicyCommand(input), { abortSignal: signal });
    policies.push({ PolicyName: name, PolicyDocument: parseDocument(PolicyDocument) ?? {} });
  }
  return policies.length === 0 ? undefined : policies;
}

async function readAttachedPolicies(
  iam: IAMClient,
  role: string,
  { signal }: { signal: AbortSignal },
): Promise<Plain | undefined> {
  const arns: string[] = [];
  let marker: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const input = { RoleName: role, ...(marker !== undefined && { Marker: marker }) };
    const { AttachedPolicies, IsTruncated, Marker } = await iam.send(new ListAttachedRolePoliciesCommand(input), {
      abortSignal: signal,
    });
    arns.push(...(AttachedPolicies ?? []).flatMap(({ PolicyArn }) => PolicyArn ?? []));
    marker = Marker;
    if (!IsTruncated) break;
  }
  return arns.length === 0 ? undefined : arns;
}

/** IAM answers documents as JSON that is encoded for URLs by RFC 3986. */
function parseDocument(text: string | undefined): Plain | undefined {
  if (text === undefined) return undefined;
  return toPlain(JSON.parse(text.trimStart().startsWith("{") ? text : decodeURIComponent(text)));
}
