import type { PolicyStatement } from "../services/aws-service.ts";

const CONDITION_KEYS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html";

/** Denies plaintext and all below TLS 1.2 to everyone. Every bucket of the template has these guards. */
export function createTransportGuards(bucketArn: string): PolicyStatement[] {
  return [
    {
      sid: "DenyPlaintext",
      why: "Every request comes over TLS.",
      source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
      effect: "Deny",
      principal: "everyone",
      actions: ["s3:*"],
      resources: [bucketArn, `${bucketArn}/*`],
      conditions: { Bool: { "aws:SecureTransport": "false" } },
    },
    {
      sid: "DenyBelowTls12",
      why: "TLS below 1.2 is refused. TLS 1.3 is not required of everyone: interface endpoints, Multi-Region Access Points and some services only have 1.2.",
      source: CONDITION_KEYS,
      effect: "Deny",
      principal: "everyone",
      actions: ["s3:*"],
      resources: [bucketArn, `${bucketArn}/*`],
      conditions: { NumericLessThan: { "s3:TlsVersion": "1.2" } },
    },
  ];
}
