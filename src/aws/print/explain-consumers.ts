import type { Configuration } from "../generate-configuration.ts";
import { createConsumerPolicy } from "../policy/consumers.ts";
import type { Consumer } from "../settings/consumers.ts";
import type { Properties } from "../template/value.ts";

/** What a consumer of another account gets here, and what its account must do. */
export interface ExplainedConsumer {
  readonly name: string;
  readonly account: string;
  /** ARN of its role; undefined where its account decides which. */
  readonly role: string | undefined;
  readonly summary: string;
  /** The policy that its account attaches to the role, in IAM's JSON. */
  readonly policy: Properties;
  /** What may stand in its way. */
  readonly notes: readonly string[];
}

/** Every consumer of the configuration, in the order of the settings. */
export function explainConsumers(configuration: Configuration): ExplainedConsumer[] {
  return configuration.consumers.map((consumer) => {
    const { name, account, role, mayRead, mayWrite, prefix } = consumer;
    const verbs = [...(mayRead ? ["reads"] : []), ...(mayWrite ? ["writes"] : [])].join(" and ");
    const whose = role === undefined ? `the roles of account ${account} that shall have it` : `the role ${role}`;
    return {
      ...{ name, account, role },
      summary: `${name} ${verbs} below ${prefix}. Between two accounts both must allow: the bucket's policy does, and account ${account} attaches the policy below to ${whose}.`,
      policy: createConsumerPolicy(configuration.site, consumer).toJson(),
      notes: [...noteAccess(configuration, consumer), ...noteGuards(configuration, consumer)],
    };
  });
}

function noteAccess({ site }: Configuration, consumer: Consumer): string[] {
  const { account, role, accessPoint, mayRead, mayWrite, prefix } = consumer;
  return [
    ...(role === undefined
      ? [
          `Every role of account ${account} that has such a policy gets in: the account decides, and nobody here sees which.`,
        ]
      : []),
    ...(consumer.function === undefined
      ? []
      : [
          `The function's ARN is a condition of that policy alone: a bucket's policy does not know it. So account ${account} sees to it that no other function has the role.`,
        ]),
    ...(accessPoint === undefined
      ? []
      : [`It names ${accessPoint.arn} in place of the bucket, and by the bucket's own name it is refused.`]),
    ...(mayRead && prefix.startsWith(site.keyPrefix)
      ? ["Keys of files are opaque: Sluice's API and its events say which key belongs to which file."]
      : []),
    ...(mayWrite
      ? [
          "Objects belong to the bucket's account, whoever writes them (BucketOwnerEnforced): a request with an ACL other than bucket-owner-full-control fails.",
          "It names no encryption or AES256: a request for KMS is refused. It deletes nothing.",
        ]
      : []),
  ];
}

function noteGuards({ site, settings }: Configuration, { account, mayRead, prefix, vpcEndpoints }: Consumer): string[] {
  const isGated = site.gatedPrefixes.some((gated) => prefix.startsWith(gated));
  return [
    `Denials of both organisations bind it: service control policies of account ${account} (which often refuse buckets of other organisations by aws:ResourceOrgID), and resource control policies of account ${site.account} (which often refuse other organisations' roles by aws:PrincipalOrgID).`,
    `URLs that it signs are refused ${settings.presign.ageSecondsMax} s after that.`,
    ...(isGated && mayRead
      ? ["GuardDuty's gate holds for it: it reads an object once it was found clean, and until then it gets 403."]
      : []),
    ...(vpcEndpoints === undefined
      ? ["Where its VPC has an S3 endpoint, the endpoint's policy must lead to this bucket."]
      : [`It comes through ${vpcEndpoints.join(", ")}; the policies of these endpoints must lead to this bucket.`]),
  ];
}
