import { z } from "zod";
import type { AwsService } from "../services/aws-service.ts";

/** One option of a service, as it is told to people. */
export interface ServiceOption {
  readonly name: string;
  /** What it may be, in words: "whole number, 1 to 36500". */
  readonly type: string;
  /** What it is when left out, as YAML; undefined where nothing stands for it. */
  readonly standard: string | undefined;
  /** A value that it may have, as YAML. */
  readonly example: string;
  readonly description: string;
}

/** The part of JSON Schema that options are made of. */
interface OptionSchema {
  type?: string;
  enum?: readonly unknown[];
  anyOf?: readonly OptionSchema[];
  items?: OptionSchema;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  default?: unknown;
  description?: string;
  examples?: readonly unknown[];
}

/** Every option of a service, in the order of its schema. Throws where one has no description, or no example can be made. */
export function listServiceOptions({ name, options }: Pick<AwsService, "name" | "options">): ServiceOption[] {
  const { properties = {} } = z.toJSONSchema(options, { io: "input" });
  return Object.entries(properties as Readonly<Record<string, OptionSchema>>).map(([option, schema]) => {
    const { description, default: standard } = schema;
    const example = findExample(schema);
    if (description === undefined || example === undefined) {
      throw new Error(`option ${option} of ${name} has no ${description === undefined ? "description" : "example"}`);
    }
    return {
      name: option,
      type: toTypeWords(schema),
      standard: standard === undefined ? undefined : toYaml(standard),
      example: toYaml(example),
      description,
    };
  });
}

/** What the schema says itself, or a value that its type allows and that is not the default where there is another. */
function findExample({ examples, type, enum: values, default: standard, minimum }: OptionSchema): unknown {
  if (examples !== undefined) return examples[0];
  if (type === "boolean") return standard !== true;
  if (values !== undefined) return values.find((value) => value !== standard);
  return type === "integer" || type === "number" ? (standard ?? minimum) : undefined;
}

function toTypeWords(schema: OptionSchema): string {
  const { type, enum: values, anyOf, items, minItems, maxItems } = schema;
  if (anyOf !== undefined) return anyOf.map(toTypeWords).join(", or ");
  if (values !== undefined) return values.join(" or ");
  switch (type) {
    case "boolean":
      return "true or false";
    case "integer":
      return `whole number${toRange(schema)}`;
    case "number":
      return `number${toRange(schema)}`;
    case "array": {
      const what = items?.enum?.join(", ") ?? "texts";
      return `list of ${what}${maxItems === undefined ? "" : `, ${minItems ?? 0} to ${maxItems}`}`;
    }
    default:
      return "text";
  }
}

function toRange({ minimum, exclusiveMinimum, maximum }: OptionSchema): string {
  const from = exclusiveMinimum === undefined ? `${minimum ?? ""}` : `above ${exclusiveMinimum}`;
  // Whole numbers without a bound have JavaScript's: nobody needs to be told of that.
  if (maximum === undefined || maximum === Number.MAX_SAFE_INTEGER) return from === "" ? "" : `, ${from} or more`;
  return exclusiveMinimum === undefined ? `, ${from} to ${maximum}` : `, ${from}, at most ${maximum}`;
}

/** JSON is YAML, and stands in one line. */
function toYaml(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(toYaml).join(", ")}]` : JSON.stringify(value);
}
