/**
 * A value in a template: JSON, leaves that print themselves (policies, which carry their comments), and intrinsic
 * functions in their long form (`{Ref: "X"}`, `{"Fn::GetAtt": ["X", "Arn"]}`, `{"Fn::Sub": "…"}`). Names and ARNs that
 * are known beforehand are literal: that keeps a bucket and the policies that name it free of cycles.
 */
export type Value = string | number | boolean | Leaf | readonly Value[] | Properties;

/** Values by name. */
export type Properties = { readonly [key: string]: Value };

/** A part of a template that knows more of itself than its JSON says. */
export abstract class Leaf {
  /** As CloudFormation reads it. */
  abstract toJson(): Properties;
}
