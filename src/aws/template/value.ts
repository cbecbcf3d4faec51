/**
 * A value in a template: JSON, leaves that print themselves (policies, which carry their comments), and intrinsic functions
 * in their long form (`{Ref: "X"}`, `{"Fn::GetAtt": ["X", "Arn"]}`, `{"Fn::Sub": "…"}`). Names and ARNs that are known
 * beforehand are literal: that keeps a bucket and the policies that name it free of cycles.
 */
export type Value = string | number | boolean | Leaf | readonly Value[] | Properties;

/** Values by name. */
export type Properties = { readonly [key: string]: Value };

/** A part of a template that knows more than its JSON tells. */
export abstract class Leaf {
  /** The JSON that CloudFormation reads. */
  abstract toJson(): Properties;
}

/**
 * A property whose content the resource's schema leaves open: any JSON (an event pattern) or names that the user makes up (a
 * map of tags). Its keys are content: no format may respell them.
 */
export class FreeForm extends Leaf {
  readonly content: Properties;
  /** The schema's word for it: `json`, or `map` for a map of values. */
  readonly kind: "json" | "map";

  constructor(kind: "json" | "map", content: Properties) {
    super();
    this.kind = kind;
    this.content = content;
  }

  override toJson(): Properties {
    return this.content;
  }
}
