import type { ReadOptions } from "../comparison/live-facets.ts";
import type { PlainMap } from "../comparison/plain.ts";

/** The permission that validating a policy takes; it is for no resource. */
export const ANALYZER_PERMISSION = "access-analyzer:ValidatePolicy";

/** The thing that a document is attached to: a bucket, a role as its own policy or its trust, or any other resource. */
export type PolicyKind = "bucket" | "role" | "trust" | "resource";

/** A remark of AWS on a policy. */
export interface PolicyRemark {
  /**
   * `ERROR`: a part of the policy does not work. `SECURITY_WARNING`: it allows more than AWS thinks right. `WARNING`: it is
   * against good practice. `SUGGESTION`: it is a matter of style alone. Other types may come. Source:
   * https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
   */
  readonly type: string;
  /** Stable name of the rule: `INVALID_ACTION`. */
  readonly code: string;
  /** AWS's text, in English. */
  readonly text: string;
  /** URL of the rule's document. */
  readonly link: string;
  /** The places in the document: keys and indexes from its root. */
  readonly places: readonly (readonly (string | number)[])[];
}

/** The port to AWS's own validation of policies. */
export interface PolicyAnalyzer {
  /**
   * Every remark on the document, which must be literal JSON; an empty list when AWS has none. Throws `LiveAwsProblem` when
   * the document was not validated (never `missing`), and the signal's reason once it is aborted.
   */
  validatePolicy(document: PlainMap, kind: PolicyKind, options: ReadOptions): Promise<PolicyRemark[]>;
}
