import { z } from "zod";
import type { Site } from "../template/site.ts";
import { bucketName, roleArn, vpcEndpointId } from "./aws-names.ts";
import { SettingsProblem } from "./settings-problem.ts";

/** Most endpoints and roles: each takes up to 120 bytes of the bucket's policy, which has room for 20 KiB. */
const ENDPOINTS_MAX = 50;
const ROLES_MAX = 20;
/** Most other buckets and route tables of a gateway endpoint; its policy has room for 20,480 characters. */
const BUCKETS_MAX = 50;
const ROUTE_TABLES_MAX = 50;

const gatewayEndpoint = z.union([
  vpcEndpointId,
  z.strictObject({
    vpc: z.string().regex(/^vpc-([0-9a-f]{8}|[0-9a-f]{17})$/, 'a VPC is named by its id: "vpc-0123456789abcdef0"'),
    routeTables: z
      .array(
        z
          .string()
          .regex(/^rtb-([0-9a-f]{8}|[0-9a-f]{17})$/, 'a route table is named by its id: "rtb-0123456789abcdef0"'),
      )
      .min(1)
      .max(ROUTE_TABLES_MAX),
  }),
]);

/** The setting `network`. */
export const network = z
  .strictObject({
    gatewayEndpoint: gatewayEndpoint.optional(),
    buckets: z.array(bucketName).max(BUCKETS_MAX).default([]),
    vpcEndpoints: z.array(vpcEndpointId).max(ENDPOINTS_MAX).optional(),
    own: z.enum(["endpoints", "urls", "anywhere"]).default("endpoints"),
    roles: z.array(roleArn).max(ROLES_MAX).default([]),
  })
  .prefault({})
  .describe(
    "`gatewayEndpoint`: id of your S3 gateway endpoint, or `vpc` and `routeTables` to make one, with `buckets` that it leads to as well; `vpcEndpoints`: files are given out through these alone, but for `roles` that come from elsewhere and `own` (endpoints, urls, anywhere): what of Sluice does",
  );

/** The network as checked settings have it. */
export type Network = z.output<typeof network>;

/** Whether files are given out through VPC endpoints alone. */
export function isFenced({ vpcEndpoints }: Network): boolean {
  return vpcEndpoints !== undefined;
}

/** Whatever would shut everybody out, or would be of no effect. */
export function findNetworkProblems(site: Site, said: Network): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const refuse = (option: string, sentence: string) =>
    problems.push(new SettingsProblem(sentence, ["network", option]));
  const { gatewayEndpoint, buckets, vpcEndpoints, own, roles } = said;
  if (vpcEndpoints?.length === 0 && gatewayEndpoint === undefined) {
    refuse("vpcEndpoints", "network.vpcEndpoints is empty, which would shut everybody out; name one, or leave it out");
  }
  if (gatewayEndpoint === undefined && buckets.length > 0) {
    refuse("buckets", "network.buckets are for the policy of a gateway endpoint; name one as network.gatewayEndpoint");
  }
  if (!isFenced(said) && (own !== "endpoints" || roles.length > 0)) {
    const option = own === "endpoints" ? "roles" : "own";
    refuse(option, `network.${option} is an exception from network.vpcEndpoints, which are not said; say them`);
  }
  for (const role of roles) {
    const partition = role.split(":")[1];
    if (partition === site.partition) continue;
    refuse("roles", `network.roles names ${role} of partition ${partition}, and the bucket lies in ${site.partition}`);
  }
  return problems;
}
