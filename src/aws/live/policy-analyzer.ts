import type { ReadOptions } from "./live-facets.ts";
import type { PlainMap } from "./plain.ts";

/** What having a policy validated takes; it is a permission for no resource. */
export const ANALYZER_PERMISSION = "access-analyzer:ValidatePolicy";

/** What a document is attached to: a bucket, a role as its own policy or its trust, or any other resource. */
export type PolicyKind = "bucket" | "role" | "trust" | "resource";

/** Something that AWS has to say of a policy. */
export interface PolicyRemark {
  /**
   * `ERROR`: a part of it does not work. `SECURITY_WARNING`: it allows more than AWS deems right. `WARNING`: against good
   * practice. `SUGGESTION`: style alone. Others may come. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
   */
  readonly type: string;
  /** Stable name of the rule: `INVALID_ACTION`. */
  readonly code: string;
  /** In English, by AWS. */
  readonly text: string;
  /** URL of the rule's document. */
  readonly link: string;
  /** Where in the document: keys and indexes from its root. */
  readonly places: readonly (readonly (string | number)[])[];
}

/** The port to AWS's own reading of policies. */
export interface PolicyAnalyzer {
  /**
   * Every remark on the document, which must be literal JSON; none when there is nothing to say. Throws `LiveAwsProblem`
   * when it was not validated, never `missing`, and the signal's reason once it is aborted.
   */
  validatePolicy(document: PlainMap, kind: PolicyKind, options: ReadOptions): Promise<PolicyRemark[]>;
}
