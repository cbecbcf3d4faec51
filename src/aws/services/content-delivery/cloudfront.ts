import { z } from "zod";
import { KEY_ITSELF } from "../../policy/key-policy.ts";
import { tagsOf } from "../../policy/role.ts";
import { SettingsProblem } from "../../settings/settings-problem.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource, ref, sub } from "../../template/template.ts";
import type { Value } from "../../template/value.ts";
import { defineService, type PolicyStatement } from "../aws-service.ts";
import { allowDelivery } from "../log-delivery.ts";
import { createViewerGuard, isSigningKey, type ViewerGuard } from "./cloudfront-viewers.ts";

const OAC =
  "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html";
const HEADERS = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-response-headers.html";
const LOGGING = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html";
/**
 * AWS's managed policies:
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
 */
const CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6";
const CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
/** The region in which CloudFront's logs are set up, wherever they are delivered. */
const LOG_REGION = "us-east-1";
const LOG_PREFIX = "cloudfront/";
const DELIVERY_NAME_LENGTH_MAX = 60; // CloudWatch Logs

const OPTIONS = z.strictObject({
  publicKey: z
    .string()
    .refine(isSigningKey, "a public key is the PEM of an RSA key of 2048 bits or of a P-256 key")
    .optional()
    .meta({
      description:
        "PEM of the public key whose private half signs URLs: RSA of 2048 bits or ECDSA on P-256. Without it nobody can read.",
      examples: [
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEh6cA9aqgAShaRuzzcx+zrLEOJvb4\nIfYrr4LGfP+6cU1n0d/d394vDIGvIB+5V4dcSQxo6Rk5bunFDkGem8abuQ==\n-----END PUBLIC KEY-----",
      ],
    }),
  certificateArn: z
    .string()
    .regex(/^arn:aws:acm:us-east-1:\d{12}:certificate\/[0-9a-f-]+$/, "CloudFront takes ACM certificates of us-east-1")
    .optional()
    .meta({
      description:
        "ARN of your certificate, in us-east-1. With it, viewers must speak at least TLS 1.2. It needs `aliases`.",
      examples: ["arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"],
    }),
  aliases: z
    .array(z.hostname())
    .max(100)
    .default([])
    .meta({ description: "Host names that the certificate is for.", examples: [["files.example.com"]] }),
  cache: z
    .boolean()
    .default(false)
    .describe(
      "Whether to keep copies at edge locations for up to a day. The copies are wherever readers are, and outlive deletion.",
    ),
});
type Options = z.output<typeof OPTIONS>;

/** A CloudFront distribution in front of the files, let in by origin access control. */
export const CLOUDFRONT = defineService({
  name: "cloudfront",
  title: "Amazon CloudFront",
  gets: "a distribution that reads files by origin access control, for URLs signed by your key; without a `publicKey` it refuses every request",
  road: ["bucket policy", "log bucket policy"],
  source: OAC,
  partitions: ["aws"],
  options: OPTIONS,
  findProblems(_, { certificateArn, aliases }) {
    if ((certificateArn === undefined) === (aliases.length === 0)) return [];
    const missing = certificateArn === undefined ? "certificateArn" : "aliases";
    const sentence = `cloudfront.${missing} is missing: certificateArn and aliases go together`;
    return [new SettingsProblem(sentence, ["services", "cloudfront", missing])];
  },
  connect(site, options) {
    const guard = createViewerGuard(site, options.publicKey);
    return {
      resources: {
        CloudfrontOriginAccessControl: createOriginAccess(site),
        CloudfrontHeaders: createHeaders(site),
        ...guard.resources,
        CloudfrontDistribution: createDistribution(site, options, guard),
        ...(site.region === LOG_REGION && createLogDelivery(site)),
      },
      bucketStatements: [createReadStatement(site)],
      keyStatements: [createKeyStatement(site)],
      logBucketStatements: [
        allowDelivery(site, {
          sid: "AllowCloudfrontLogs",
          why: "CloudWatch's log delivery writes the access logs of the distribution, as its delivery source of this name.",
          source: LOGGING,
          service: "delivery.logs",
          prefix: LOG_PREFIX,
          sourceArn: site.arn("logs", `delivery-source:${deliveryName(site)}`, { region: LOG_REGION }),
        }),
      ],
      outputs: {
        CloudfrontDistributionId: { description: "id of the distribution", value: ref("CloudfrontDistribution") },
        CloudfrontDomainName: {
          description: "host name of the distribution",
          value: getAtt("CloudfrontDistribution", "DomainName"),
        },
        ...guard.outputs,
      },
      notes: createNotes(site, options),
    };
  },
});

function deliveryName(site: Site): string {
  return site.nameOf("cloudfront", DELIVERY_NAME_LENGTH_MAX);
}

function createOriginAccess(site: Site): Resource {
  return {
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
  };
}

/** Strangers upload files, so none may run as a page of the distribution's host. */
function createHeaders(site: Site): Resource {
  return {
    type: "AWS::CloudFront::ResponseHeadersPolicy",
    why: "Files are downloads and never pages: an uploaded HTML file must not run under the distribution's host name.",
    source: HEADERS,
    properties: {
      ResponseHeadersPolicyConfig: {
        Name: site.nameOf("cloudfront"),
        SecurityHeadersConfig: {
          ContentTypeOptions: { Override: true },
          StrictTransportSecurity: { AccessControlMaxAgeSec: 31_536_000, Override: true },
        },
        CustomHeadersConfig: { Items: [{ Header: "Content-Disposition", Value: "attachment", Override: false }] },
      },
    },
  };
}

function createDistribution(site: Site, { certificateArn, aliases, cache }: Options, guard: ViewerGuard): Resource {
  return {
    type: "AWS::CloudFront::Distribution",
    why: "Serves files near the reader. The default root object is a key that no file has: a request without a path gets no file.",
    source: OAC,
    properties: {
      DistributionConfig: {
        Enabled: true,
        HttpVersion: "http2and3",
        IPV6Enabled: true,
        DefaultRootObject: "index.html",
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
          CachePolicyId: cache ? CACHING_OPTIMIZED : CACHING_DISABLED,
          ResponseHeadersPolicyId: ref("CloudfrontHeaders"),
          ...guard.behavior,
        },
        ...(certificateArn !== undefined && {
          Aliases: aliases,
          ViewerCertificate: {
            AcmCertificateArn: certificateArn,
            MinimumProtocolVersion: "TLSv1.2_2021",
            SslSupportMethod: "sni-only",
          },
        }),
      },
      ...tagsOf(site),
    },
  };
}

function createReadStatement(site: Site): PolicyStatement {
  return {
    sid: "AllowCloudfront",
    why: "The distribution of this template reads files, and no other distribution does.",
    source: OAC,
    principal: { services: [site.principal("cloudfront")] },
    actions: ["s3:GetObject"],
    resources: [site.objects(site.keyPrefix)],
    // AWS's example has no aws:SourceAccount either, because CloudFront does not document that it sends one: the ARN has the
    // account.
    conditions: { StringEquals: { "aws:SourceArn": distributionArn(site) } },
  };
}

/** It signs its requests to S3 as itself: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html */
function createKeyStatement(site: Site): PolicyStatement {
  return {
    sid: "AllowCloudfront",
    why: "The distribution of this template reads files under the key, and no other distribution does.",
    source: OAC,
    principal: { services: [site.principal("cloudfront")] },
    actions: ["kms:Decrypt"],
    resources: KEY_ITSELF,
    conditions: { StringEquals: { "aws:SourceArn": distributionArn(site) } },
  };
}

function distributionArn(site: Site): Value {
  return sub(`arn:${site.partition}:cloudfront::${site.account}:distribution/\${CloudfrontDistribution}`);
}

/** Access logs are delivered by CloudWatch: CloudFront's older way needs ACLs, which the log bucket does not have. */
function createLogDelivery(site: Site): Record<string, Resource> {
  const name = deliveryName(site);
  return {
    CloudfrontLogSource: {
      type: "AWS::Logs::DeliverySource",
      why: "Makes the distribution a source of access logs.",
      source: LOGGING,
      properties: { Name: name, LogType: "ACCESS_LOGS", ResourceArn: distributionArn(site), ...tagsOf(site) },
    },
    CloudfrontLogDestination: {
      type: "AWS::Logs::DeliveryDestination",
      why: "Makes the log bucket the destination of access logs.",
      source: LOGGING,
      properties: {
        Name: name,
        DestinationResourceArn: `${site.logBucketArn}/${LOG_PREFIX.slice(0, -1)}`,
        OutputFormat: "json",
        ...tagsOf(site),
      },
      dependsOn: ["LogBucketPolicy"],
    },
    CloudfrontLogDelivery: {
      type: "AWS::Logs::Delivery",
      why: "Connects the source of access logs with their destination.",
      source: LOGGING,
      properties: {
        DeliverySourceName: name,
        DeliveryDestinationArn: getAtt("CloudfrontLogDestination", "Arn"),
        ...tagsOf(site),
      },
      dependsOn: ["CloudfrontLogSource"],
    },
  };
}

function createNotes(site: Site, { publicKey, certificateArn, cache }: Options): string[] {
  const name = deliveryName(site);
  return [
    ...(publicKey === undefined
      ? [
          "The distribution answers 403 to everybody until `publicKey` is set; sign URLs with the private key, never on a page.",
        ]
      : []),
    ...(certificateArn === undefined
      ? ["Under CloudFront's own host name viewers may speak TLS 1.0; `certificateArn` and `aliases` ask for 1.2."]
      : []),
    ...(cache
      ? [
          "Edge locations keep copies outside of the residency, for up to a day after a file is deleted; an invalidation removes them.",
        ]
      : []),
    "Bytes on their way pass through edge locations near the reader, which may lie outside of the residency.",
    ...(site.region === LOG_REGION
      ? []
      : [
          `CloudFront's access logs are set up in ${LOG_REGION}, which a stack of ${site.region} cannot do; the log bucket lets them in: aws logs put-delivery-source --region ${LOG_REGION} --name ${name} --log-type ACCESS_LOGS --resource-arn arn:aws:cloudfront::${site.account}:distribution/ID; aws logs put-delivery-destination --region ${LOG_REGION} --name ${name} --delivery-destination-configuration destinationResourceArn=${site.logBucketArn}/${LOG_PREFIX.slice(0, -1)}; aws logs create-delivery --region ${LOG_REGION} --delivery-source-name ${name} --delivery-destination-arn ARN`,
        ]),
  ];
}
