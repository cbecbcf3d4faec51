import { z } from "zod";
import { defineService } from "../aws-service.ts";
import { getAtt, ref, sub } from "../template.ts";

const OAC =
  "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html";
/** AWS's managed policy CachingOptimized: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html */
const CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6";

/** A CloudFront distribution in front of the files, let in by origin access control. */
export const CLOUDFRONT = defineService({
  name: "cloudfront",
  title: "Amazon CloudFront",
  gets: "a distribution that reads files by origin access control; only requests signed by its key group",
  road: ["bucket policy"],
  source: OAC,
  partitions: ["aws"],
  options: z.strictObject({
    /** PEM of the public key whose private half signs URLs. */
    publicKey: z.string().startsWith("-----BEGIN PUBLIC KEY-----").optional(),
  }),
  connect(site) {
    return {
      resources: {
        CloudfrontOriginAccessControl: {
          type: "AWS::CloudFront::OriginAccessControl",
          why: "CloudFront signs its requests to S3, so that the bucket can let in this distribution alone.",
          source: OAC,
          properties: {
            OriginAccessControlConfig: {
              Name: site.nameOf("cloudfront"),
              OriginAccessControlOriginType: "s3",
              SigningBehavior: "always",
              SigningProtocol: "sigv4",
            },
          },
        },
        CloudfrontDistribution: {
          type: "AWS::CloudFront::Distribution",
          why: "Serves files near the reader.",
          source: OAC,
          properties: {
            DistributionConfig: {
              Enabled: true,
              HttpVersion: "http2and3",
              Origins: [
                {
                  Id: "files",
                  DomainName: `${site.bucket}.s3.${site.region}.amazonaws.com`,
                  OriginAccessControlId: getAtt("CloudfrontOriginAccessControl", "Id"),
                  S3OriginConfig: { OriginAccessIdentity: "" },
                },
              ],
              DefaultCacheBehavior: {
                TargetOriginId: "files",
                ViewerProtocolPolicy: "https-only",
                CachePolicyId: CACHING_OPTIMIZED,
              },
            },
          },
        },
      },
      bucketStatements: [
        {
          sid: "AllowCloudfront",
          why: "The distribution of this template reads files, and no other distribution does.",
          source: OAC,
          effect: "Allow",
          principal: { services: [site.principal("cloudfront")] },
          actions: ["s3:GetObject"],
          resources: [site.objects(site.keyPrefix)],
          conditions: {
            StringEquals: {
              "aws:SourceArn": sub(
                `arn:${site.partition}:cloudfront::${site.account}:distribution/\${CloudfrontDistribution}`,
              ),
              "aws:SourceAccount": site.account,
            },
          },
        },
      ],
      outputs: {
        CloudfrontDistributionId: { description: "id of the distribution", value: ref("CloudfrontDistribution") },
      },
    };
  },
});
