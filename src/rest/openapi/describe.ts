import type { DescEnum, DescEnumValue, DescField, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import { getComments } from "@bufbuild/protoplugin";

/** The comment above an element of a proto, its lines joined to one paragraph. */
export function describe(
  element: DescEnum | DescEnumValue | DescField | DescMessage | DescMethod | DescService,
): string {
  return (getComments(element).leading ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");
}
