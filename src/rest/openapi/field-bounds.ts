import type { DescField, JsonObject } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";

const UNIT_BYTES: Readonly<Record<string, number>> = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20 };
const NUMBER = "(\\d[\\d,]*)";

/**
 * The bounds that a field's comment says in so many words, as JSON Schema: "1 to 10,000", "at most 64 entries", "1 to
 * 1,024 bytes". A bound in bytes of UTF-8 bounds the characters, too: no character takes less than one. What the service
 * rounds instead of refusing ("is taken as") is no bound.
 */
export function toFieldBounds(field: DescField, comment: string): JsonObject {
  if (/is taken as/.test(comment)) return {};
  switch (field.fieldKind) {
    case "map":
      return toMost(comment, "(?: entries|;)", "maxProperties");
    case "list": {
      const [, least, most] = new RegExp(`^${NUMBER} to ${NUMBER} [a-z]+`).exec(comment) ?? [];
      if (least !== undefined && most !== undefined) return { minItems: toNumber(least), maxItems: toNumber(most) };
      return toMost(comment, "(?:[.:;]|$)", "maxItems");
    }
    case "scalar":
      return toScalarBounds(field.scalar, comment);
    default:
      return {};
  }
}

function toScalarBounds(scalar: ScalarType, comment: string): JsonObject {
  if (scalar === ScalarType.INT32) {
    const [, least, most] = new RegExp(`${NUMBER} to ${NUMBER}(?=[;.])`).exec(comment) ?? [];
    return least === undefined || most === undefined ? {} : { minimum: toNumber(least), maximum: toNumber(most) };
  }
  const [, least, most, unit] = new RegExp(`(?:${NUMBER} to|[Aa]t most) ${NUMBER} (bytes|KiB|MiB)`).exec(comment) ?? [];
  if (most === undefined || unit === undefined) return {};
  const mostBytes = toNumber(most) * (UNIT_BYTES[unit] as number);
  if (scalar === ScalarType.BYTES) return { maxLength: 4 * Math.ceil(mostBytes / 3) };
  if (scalar !== ScalarType.STRING) return {};
  return { ...(least !== undefined && { minLength: toNumber(least) }), maxLength: mostBytes };
}

function toMost(comment: string, end: string, keyword: string): JsonObject {
  const [, most] = new RegExp(`[Aa]t most ${NUMBER}${end}`).exec(comment) ?? [];
  return most === undefined ? {} : { [keyword]: toNumber(most) };
}

function toNumber(text: string): number {
  return Number(text.replaceAll(",", ""));
}
