import { GATEWAY_ENDPOINT } from "../policy/network-guards.ts";
import { Policy, type Statement } from "../policy/policy.ts";
import { tagsOf } from "../policy/role.ts";
import type { Network } from "../settings/network.ts";
import type { Site } from "./site.ts";
import type { Resource } from "./template.ts";

const GATEWAY = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html";
const ENDPOINT_POLICIES = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html";
const IMAGE_LAYERS = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html";

/**
 * The policy of the VPC's gateway endpoint to S3: it leads to `buckets` (names) for principals of this account, to the layers of
 * container images, without which no task or pod starts, and to the other buckets that the settings name. It gives nobody a right: a
 * request must be allowed by the policies of the caller and of the bucket as well. A gateway endpoint's policy names its
 * principals in conditions alone.
 */
export function createEndpointPolicy(site: Site, { buckets: others }: Network, buckets: readonly string[]): Policy {
  const arnOf = (bucket: string) => site.arn("s3", bucket, { region: "", account: "" });
  const toResources = (names: readonly string[]) => names.map(arnOf).flatMap((arn) => [arn, `${arn}/*`]);
  const through = { effect: "Allow", principal: { through: "endpoint" } } as const;
  const statements: Statement[] = [
    {
      ...through,
      sid: "ReachOwnBuckets",
      why: "Principals of this account reach the buckets of this configuration, where these belong to this account still. Another account's credentials carry nothing out.",
      source: ENDPOINT_POLICIES,
      actions: ["s3:*"],
      resources: toResources(buckets),
      conditions: { StringEquals: { "aws:PrincipalAccount": site.account, "aws:ResourceAccount": site.account } },
    },
    {
      ...through,
      sid: "ReachImageLayers",
      why: "Amazon ECR keeps the layers of container images in a bucket of its own, by URLs that it signs: without it neither ECS nor EKS could start Sluice.",
      source: IMAGE_LAYERS,
      actions: ["s3:GetObject"],
      resources: [`${arnOf(`prod-${site.region}-starport-layer-bucket`)}/*`],
    },
  ];
  if (others.length > 0) {
    statements.push({
      ...through,
      sid: "ReachOtherBuckets",
      why: "These buckets are named under network.buckets in sluice.aws.yaml.",
      source: ENDPOINT_POLICIES,
      actions: ["s3:*"],
      resources: toResources(others),
    });
  }
  return new Policy(statements);
}

/** The gateway endpoint, where the settings say in which VPC it is to be made. */
export function createGatewayEndpoint(
  site: Site,
  network: Network,
  buckets: readonly string[],
): Record<string, Resource> {
  const { gatewayEndpoint } = network;
  if (gatewayEndpoint === undefined || typeof gatewayEndpoint === "string") return {};
  return {
    [GATEWAY_ENDPOINT]: {
      type: "AWS::EC2::VPCEndpoint",
      why: "Leads the VPC's requests to S3 over AWS's network, at no cost. All requests of these route tables to S3 in this region go by it, so its policy decides which buckets they reach.",
      source: GATEWAY,
      properties: {
        VpcEndpointType: "Gateway",
        ServiceName: `com.amazonaws.${site.region}.s3`,
        VpcId: gatewayEndpoint.vpc,
        RouteTableIds: gatewayEndpoint.routeTables,
        PolicyDocument: createEndpointPolicy(site, network, buckets),
        ...tagsOf(site),
      },
    },
  };
}
