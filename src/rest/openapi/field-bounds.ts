import type { DescField, JsonObject } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";

const UNIT_BYTES: Readonly<Record<string, number>> = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20 };

/**
 * The bounds that a field's comment states in words, as JSON Schema: "1 to 10,000", "at most 64 entries", "1 to 1,024 bytes".
 * A bound in bytes of UTF-8 also bounds the characters: no character takes less than one byte. A value that the service
 * rounds instead of refusing ("is taken as") has no bound.
 */
export function toFieldBounds(field: DescField, comment: string): JsonObject {
  if (/is taken as/.test(comment)) return {};
  switch (field.fieldKind) {
    case "map":
      return toMost(/[Aa]t most (\d[\d,]*)(?: entries|;)/.exec(comment), "maxProperties");
    case "list": {
      const [, least, most] = /^(\d[\d,]*) to (\d[\d,]*) [a-z]+/.exec(comment) ?? [];
      if (least !== undefined && most !== undefined) return { minItems: toNumber(least), maxItems: toNumber(most) };
      return toMost(/[Aa]t most (\d[\d,]*)(?:[.:;]|$)/.exec(comment), "maxItems");
    }
    case "scalar":
      return toScalarBounds(field.scalar, comment);
    default:
      return {};
  }
}

function toScalarBounds(scalar: ScalarType, comment: string): JsonObject {
  if (scalar === ScalarType.INT32) {
    const [, least, most] = /(?<![\d,])(\d[\d,]*) to (\d[\d,]*)(?=[;.])/.exec(comment) ?? [];
    return least === undefined || most === undefined ? {} : { minimum: toNumber(least), maximum: toNumber(most) };
  }
  const [, least, most, unit] = /(?:(?<![\d,])(\d[\d,]*) to|[Aa]t most) (\d[\d,]*) (bytes|KiB|MiB)/.exec(comment) ?? [];
  if (most === undefined || unit === undefined) return {};
  const mostBytes = toNumber(most) * (UNIT_BYTES[unit] as number);
  if (scalar === ScalarType.BYTES) return { maxLength: 4 * Math.ceil(mostBytes / 3) };
  if (scalar !== ScalarType.STRING) return {};
  return { ...(least !== undefined && { minLength: toNumber(least) }), maxLength: mostBytes };
}

function toMost(said: RegExpExecArray | null, keyword: string): JsonObject {
  const [, most] = said ?? [];
  return most === undefined ? {} : { [keyword]: toNumber(most) };
}

function toNumber(text: string): number {
  return Number(text.replaceAll(",", ""));
}
