import type { DenyStatement } from "./policy.ts";

const GUARDS = {
  sqs: {
    actions: ["sqs:*"],
    source:
      "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html",
  },
  sns: {
    // A topic's policy accepts no sns:*, and only publishing carries content.
    actions: ["sns:Publish"],
    source: "https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html",
  },
} as const;

/** Denies plaintext for a queue or a topic: the first statement of its policy. */
export function createTlsGuard(service: keyof typeof GUARDS, arn: string): DenyStatement {
  const { actions, source } = GUARDS[service];
  return {
    sid: "DenyPlaintext",
    why: "Every request comes over TLS.",
    source,
    effect: "Deny",
    principal: "everyone",
    actions,
    resources: [arn],
    conditions: { Bool: { "aws:SecureTransport": "false" } },
  };
}
