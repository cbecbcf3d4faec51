import type { Site } from "../template/site.ts";
import type { Properties } from "../template/value.ts";

/** A way from somebody to something, and whether it must be open. It is open when each of its steps is. */
export interface Scenario {
  /** Who wants what, in one sentence. */
  readonly road: string;
  readonly isOpen: boolean;
  /** At least one, in the order in which they are made. */
  readonly steps: readonly Step[];
}

/** One step of a road. */
export type Step = Request | Delivery;

/** A request to AWS; IAM decides it. */
export interface Request {
  /** ARN of a role, or a service principal: `pods.eks.amazonaws.com`. */
  readonly principal: string;
  readonly action: string;
  /** ARN. A part that AWS makes up is written `${LogicalId.Attribute}`, here and in what the request says. */
  readonly resource: string;
  /**
   * Condition keys that differ from those of a good request: signed in a header, over TLS 1.3, to the bucket's region, of a
   * file that was found clean, by a service that names the account for which it acts, and through a VPC endpoint that the
   * settings name, where files are given out through these alone. Undefined: AWS does not send the key.
   */
  readonly says?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** An event on the account's default event bus; the pattern of a rule decides whether its target hears of it. */
export interface Delivery {
  /** Logical id of the rule. */
  readonly rule: string;
  readonly event: Properties;
}

/** The ARN of the key of files as a request has it: one that the template makes has no other yet. */
export function toKeyText({ keyArn = "" }: Site): string {
  return typeof keyArn === "string" ? keyArn : `\${DataKey.Arn}`;
}

/** The condition key by which S3 tells the result of a scan. */
export const SCAN_RESULT = "s3:ExistingObjectTag/GuardDutyMalwareScanStatus";

/** Another customer of AWS. */
export const STRANGER = "999988887777";
