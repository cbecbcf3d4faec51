import { createAccessPointPolicy, toPascal } from "../policy/consumers.ts";
import { tagsOf } from "../policy/role.ts";
import type { Consumer } from "../settings/consumers.ts";
import type { Site } from "./site.ts";
import type { Resource } from "./template.ts";

/** An access point for each consumer that asks for one. */
export function createAccessPoints(site: Site, consumers: readonly Consumer[]): Record<string, Resource> {
  return Object.fromEntries(
    consumers.flatMap((consumer) => {
      const { name, accessPoint } = consumer;
      if (accessPoint === undefined) return [];
      return [[`Consumer${toPascal(name)}AccessPoint`, createAccessPoint(site, consumer, accessPoint)]];
    }),
  );
}

function createAccessPoint(site: Site, consumer: Consumer, { name, arn }: { name: string; arn: string }): Resource {
  return {
    type: "AWS::S3::AccessPoint",
    why: `The entrance of the consumer ${consumer.name}: it uses the access point's ARN in place of the bucket's name, and the bucket lets it in by no other way.`,
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points.html",
    properties: {
      Name: name,
      Bucket: site.bucket,
      BucketAccountId: site.account,
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      Policy: createAccessPointPolicy(site, consumer, arn),
      ...tagsOf(site),
    },
    dependsOn: ["DataBucket"],
  };
}
