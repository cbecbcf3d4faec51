import type { PolicyStatement } from "../services/aws-service.ts";
import type { Consumer } from "../settings/consumers.ts";
import { isFenced, type Network } from "../settings/network.ts";
import type { Site } from "../template/site.ts";
import { type Resource, ref } from "../template/template.ts";
import type { Value } from "../template/value.ts";
import type { Conditions, Policy } from "./policy.ts";
import { SLUICE_ROLES } from "./sluice-roles.ts";

const PERIMETER = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies-vpc-endpoint.html";
const SERVICE_CALLS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html";

/** Logical id of the gateway endpoint, where the template makes it. */
export const GATEWAY_ENDPOINT = "GatewayEndpoint";

/** Actions on files and lists of them. The bucket's settings stay reachable, so that no deployment locks itself out. */
const FILE_ACTIONS = [
  ...["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*", "s3:RestoreObject", "s3:AbortMultipartUpload"],
  ...["s3:ListMultipartUploadParts", "s3:ListBucket*"],
];

/** Everybody who may come to the files from elsewhere. */
export interface Exempt {
  readonly consumers: readonly Consumer[];
  /** Resources of the services that are switched on: the roles that AWS services assume are among them. */
  readonly services: readonly Resource[];
}

/**
 * The denials of files by any way but the VPC endpoints that the settings name; none where they name none. AWS services keep
 * working: as themselves (aws:PrincipalIsAWSService), with a caller's identity (aws:ViaAWSService), and by the roles that they
 * assume, whose requests come from AWS's own network. A presigned URL carries its signer's identity and comes from where it is
 * opened. Whoever has stolen credentials can presign; so URLs are exempt for Sluice's own roles alone, and only if asked for.
 */
export function createNetworkGuards(site: Site, network: Network, exempt: Exempt): PolicyStatement[] {
  if (!isFenced(network)) return [];
  const own = SLUICE_ROLES.map((purpose) => site.roleArn(purpose));
  const accounts = exempt.consumers.filter(({ role }) => role === undefined).map(({ account }) => account);
  const roles = [
    site.arn("iam", "role/aws-service-role/*", { region: "" }),
    site.roleArn("verify"),
    ...(network.own === "endpoints" ? [] : own),
    ...network.roles,
    ...exempt.services
      .filter(isOfService)
      .map(({ properties }) => site.arn("iam", `role/${properties.RoleName}`, { region: "" })),
    ...exempt.consumers.flatMap(({ role }) => role ?? []),
  ];
  const elsewhere = { "aws:SourceVpce": oneOrMany(listEndpoints(network)) };
  const deny = { effect: "Deny", principal: "everyone", actions: FILE_ACTIONS } as const;
  const on = { resources: [site.bucketArn, site.objects()] };
  const notAService = { "aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false" };
  return [
    {
      ...deny,
      ...on,
      sid: "DenyFilesOutsideEndpoints",
      why: "Files and lists of them are given out through the named VPC endpoints. AWS services, the roles that they assume, and consumers of other accounts are exempt: their requests come from other networks.",
      source: PERIMETER,
      conditions: {
        StringNotEquals: {
          ...elsewhere,
          ...(accounts.length > 0 && { "aws:PrincipalAccount": oneOrMany([...new Set(accounts)]) }),
        },
        BoolIfExists: notAService,
        ArnNotLike: { "aws:PrincipalArn": oneOrMany([...new Set(roles)]) },
      },
    },
    ...(network.own === "urls"
      ? [
          {
            ...deny,
            ...on,
            sid: "DenyOwnRolesOutsideEndpoints",
            why: "URLs that Sluice signed are opened from anywhere. Its roles' other requests come through the endpoints, too.",
            source: SERVICE_CALLS,
            conditions: {
              ArnEquals: { "aws:PrincipalArn": own },
              StringNotEquals: { ...elsewhere, "s3:authType": "REST-QUERY-STRING" },
              BoolIfExists: notAService,
            } satisfies Conditions,
          },
        ]
      : []),
  ];
}

/** The endpoints of the fence: those that are named, and the gateway endpoint that is there or is made. */
function listEndpoints({ vpcEndpoints = [], gatewayEndpoint }: Network): Value[] {
  if (gatewayEndpoint === undefined) return [...vpcEndpoints];
  const gateway = typeof gatewayEndpoint === "string" ? gatewayEndpoint : ref(GATEWAY_ENDPOINT);
  return [...new Set([...vpcEndpoints, gateway])];
}

/** Whether an AWS service assumes the role. A role that principals of the account assume is somebody's, who is somewhere. */
function isOfService({ type, properties }: Resource): boolean {
  if (type !== "AWS::IAM::Role") return false;
  const { statements } = properties.AssumeRolePolicyDocument as Policy;
  return statements.some(
    ({ principal }) => principal !== undefined && principal !== "everyone" && "services" in principal,
  );
}

function oneOrMany(values: readonly Value[]): Value {
  return values.length === 1 ? (values[0] as Value) : values;
}
