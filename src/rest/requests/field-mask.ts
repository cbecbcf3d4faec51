import type { DescField, DescMessage } from "@bufbuild/protobuf";

const FIELD_MASK = "google.protobuf.FieldMask";

/** Whether a field is a FieldMask. The REST face reads these itself. */
export function isFieldMask(field: DescField): boolean {
  return field.fieldKind === "message" && field.message.typeName === FIELD_MASK;
}

/**
 * The paths of a FieldMask in JSON, such as "contentType,labels.cost-center", with field names as the proto has them. Protobuf's
 * JSON would refuse "_" and rewrite capitals everywhere. But the key of a map entry (a label, which may hold "_", "-" and
 * capitals) must stay as it is. Names that no field has also stay: the code that applies the mask refuses them by name.
 */
export function parseFieldMask(text: string, resource: DescMessage | undefined): string[] {
  return text
    .split(",")
    .filter((path) => path !== "")
    .map((path) => toProtoPath(path, resource));
}

function toProtoPath(path: string, message: DescMessage | undefined): string {
  const [, name = "", rest] = /^([^.]*)(?:\.(.*))?$/s.exec(path) ?? [];
  const field = message?.fields.find((one) => one.jsonName === name || one.name === name);
  if (field === undefined) return path;
  if (rest === undefined) return field.name;
  return `${field.name}.${field.fieldKind === "message" ? toProtoPath(rest, field.message) : rest}`;
}
