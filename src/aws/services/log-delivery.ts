import type { Conditions } from "../policy/policy.ts";
import { ofThisAccount } from "../policy/role.ts";
import type { Site } from "../template/site.ts";
import type { Value } from "../template/value.ts";
import type { PolicyStatement } from "./aws-service.ts";

/** A service that writes reports or logs into the log bucket as itself, not under a role. */
export interface LogDelivery {
  readonly sid: string;
  readonly why: string;
  readonly source: string;
  /** The service's name without the domain: `storage-lens.s3`. */
  readonly service: string;
  /** The prefix below which the service writes, ending in a slash. */
  readonly prefix: string;
  /** ARN of the source of the deliveries; left out when the service's document names the account alone. */
  readonly sourceArn?: Value;
  /** Most services name the account of the source. `false` when their document has the ARN alone, which holds the account. */
  readonly hasAccount?: boolean;
  /** Most services state with each object that the bucket's owner owns it; `false` for those that do not. */
  readonly hasAcl?: boolean;
}

/** The statement of the log bucket's policy that lets the service deliver below its prefix, for this account alone. */
export function allowDelivery(site: Site, delivery: LogDelivery): PolicyStatement {
  const { sid, why, source, service, prefix, hasAcl = true } = delivery;
  const { StringEquals, ...others } = toConditions(site, delivery);
  return {
    sid,
    why,
    source,
    principal: { services: [site.principal(service)] },
    actions: ["s3:PutObject"],
    resources: [site.logObjects(prefix)],
    conditions: {
      StringEquals: { ...StringEquals, ...(hasAcl && { "s3:x-amz-acl": "bucket-owner-full-control" }) },
      ...others,
    },
  };
}

/** Lets the service check the log bucket before it delivers: its ACL, place or existence. */
export function allowDeliveryCheck(
  site: Site,
  check: Omit<LogDelivery, "prefix" | "hasAcl"> & { readonly actions: readonly string[] },
): PolicyStatement {
  const { sid, why, source, service, actions } = check;
  return {
    sid,
    why,
    source,
    principal: { services: [site.principal(service)] },
    actions,
    resources: [site.logBucketArn],
    conditions: toConditions(site, check),
  };
}

function toConditions(
  site: Site,
  { sourceArn, hasAccount = true }: Pick<LogDelivery, "sourceArn" | "hasAccount">,
): Conditions {
  const { StringEquals, ...others } = ofThisAccount(site, sourceArn);
  return hasAccount ? { StringEquals: StringEquals ?? {}, ...others } : others;
}
