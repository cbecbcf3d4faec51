import type { DescField, DescMessage } from "@bufbuild/protobuf";

const FIELD_MASK = "google.protobuf.FieldMask";

/** Whether a field is a FieldMask, which this face reads itself. */
export function isFieldMask(field: DescField): boolean {
  return field.fieldKind === "message" && field.message.typeName === FIELD_MASK;
}

/**
 * The paths of a FieldMask in JSON, "contentType,labels.cost-center", with field names as the proto has them. Protobuf JSON
 * would refuse "_" and rewrite capitals everywhere; what names an entry of a map (a label, which may hold "_", "-" and
 * capitals) must stay as it is. Names that no field has stay too: whoever applies the mask refuses them by name.
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
