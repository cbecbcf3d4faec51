import { type DescEnum, type DescField, type DescMessage, type JsonObject, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { isFieldMask } from "../requests/field-mask.ts";
import { describe } from "./describe.ts";
import { toFieldBounds } from "./field-bounds.ts";

/** Whether a message is read from a caller or written to one. */
export type Direction = "in" | "out";

const CRC32_MAX = 2 ** 32 - 1;
const DURATION = "google.protobuf.Duration";
const TIMESTAMP = "google.protobuf.Timestamp";
const STRUCT = "google.protobuf.Struct";

/**
 * The schemas of messages in protobuf's JSON, each a component that others refer to. A message that is both read and written
 * has two schemas: a written message always has its fields without presence; a read message may lack them but has no others.
 */
export class MessageSchemas {
  readonly #components = new Map<string, JsonObject>();

  /** All schemas that were referred to, by name. */
  get components(): JsonObject {
    return Object.fromEntries([...this.#components].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Refers to the schema of a message. `without` names fields that are elsewhere in the request. */
  refer(message: DescMessage, direction: Direction, without: readonly string[] = []): JsonObject {
    const name = direction === "in" && !message.name.endsWith("Request") ? `${message.name}Input` : message.name;
    if (!this.#components.has(name)) {
      // The name is registered before the fields are described, because they may lead back to it.
      this.#components.set(name, {});
      this.#components.set(name, this.#toSchema(message, direction, without));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** The schema of one field, with the bounds and the text from its comment. */
  ofField(field: DescField, direction: Direction): JsonObject {
    const comment = describe(field);
    const isUuid = /^UUID\b/.test(comment) && field.fieldKind === "scalar";
    return {
      ...this.#ofKind(field, direction),
      ...(isUuid && { format: "uuid" }),
      ...toFieldBounds(field, comment),
      ...(direction === "in" && /\bSet by (the service|S3)\b/.test(comment) && { readOnly: true }),
      ...(comment !== "" && { description: comment }),
    };
  }

  #toSchema(message: DescMessage, direction: Direction, without: readonly string[]): JsonObject {
    const fields = message.fields.filter(({ name }) => !without.includes(name));
    const required = fields.filter((field) => (direction === "in" ? isRequired(field) : isAlwaysWritten(field)));
    const isChoice = message.oneofs.length === 1 && fields.every(({ oneof }) => oneof === message.oneofs[0]);
    return {
      type: "object",
      description: describe(message),
      properties: Object.fromEntries(fields.map((field) => [field.jsonName, this.ofField(field, direction)])),
      ...(required.length > 0 && { required: required.map(({ jsonName }) => jsonName) }),
      ...(isChoice && { minProperties: 1, maxProperties: 1 }),
      // Requests with unknown fields are refused; answers may get more fields in later versions.
      ...(direction === "in" && { additionalProperties: false }),
    };
  }

  #ofKind(field: DescField, direction: Direction): JsonObject {
    switch (field.fieldKind) {
      case "scalar":
        return toScalarSchema(field.scalar);
      case "enum":
        return toEnumSchema(field.enum);
      case "message":
        return this.#ofMessage(field.message, direction, isFieldMask(field));
      case "map":
        return {
          type: "object",
          additionalProperties:
            field.mapKind === "scalar" ? toScalarSchema(field.scalar) : this.#ofValue(field, direction),
        };
      case "list":
        return {
          type: "array",
          items: field.listKind === "scalar" ? toScalarSchema(field.scalar) : this.#ofValue(field, direction),
        };
    }
  }

  #ofValue({ enum: values, message }: Pick<DescField, "enum" | "message">, direction: Direction): JsonObject {
    if (values !== undefined) return toEnumSchema(values);
    return this.#ofMessage(message as DescMessage, direction, false);
  }

  #ofMessage(message: DescMessage, direction: Direction, isMask: boolean): JsonObject {
    if (isMask) return { type: "string", format: "field-mask", examples: ["labels"] };
    if (message.typeName === TIMESTAMP) return { type: "string", format: "date-time" };
    // Any object.
    if (message.typeName === STRUCT) return { type: "object" };
    if (message.typeName === DURATION)
      return { type: "string", pattern: "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$", examples: ["60s"] };
    return this.refer(message, direction);
  }
}

/** Whether a comment says that callers must send the field. Over HTTP a request id may also come in a header, or not at all. */
export function isRequired(field: DescField): boolean {
  return field.name !== "request_id" && /\bRequired[.;]/.test(describe(field));
}

function isAlwaysWritten(field: DescField): boolean {
  if (field.oneof !== undefined || field.fieldKind === "message") return false;
  return (
    field.fieldKind === "list" || field.fieldKind === "map" || field.presence === FeatureSet_FieldPresence.IMPLICIT
  );
}

function toScalarSchema(scalar: ScalarType): JsonObject {
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.INT32:
      return { type: "integer", format: "int32" };
    case ScalarType.FIXED32:
    case ScalarType.UINT32:
      return { type: "integer", minimum: 0, maximum: CRC32_MAX };
    case ScalarType.INT64:
      // Numbers in JavaScript are exact only up to 2^53.
      return { type: "string", format: "int64", pattern: "^-?[0-9]{1,19}$", examples: ["1"] };
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    default:
      throw new Error(`no JSON Schema is known for the scalar ${ScalarType[scalar]}`);
  }
}

function toEnumSchema({ values }: DescEnum): JsonObject {
  return {
    type: "string",
    enum: values.map(({ name }) => name),
    // The schema lists the names alone; a description beside them would be that of the field.
    "x-enum-descriptions": values.map((value) => describe(value)),
  };
}
