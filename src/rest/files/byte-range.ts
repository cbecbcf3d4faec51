/** The bytes of a representation that an answer holds. */
export type RangeChoice =
  | { kind: "whole" }
  | { kind: "part"; offset: number; sizeBytes: number }
  | { kind: "unsatisfiable" };

/**
 * The part of `sizeBytes` bytes that a Range header asks for (RFC 9110, 14.1.2): one range of bytes. The RFC allows to ignore
 * other units, several ranges and headers that are no range: the answer is then the whole.
 */
export function chooseRange(header: string | undefined, sizeBytes: number): RangeChoice {
  const [, first = "", last = ""] = /^\s*bytes\s*=\s*(?:(\d+)\s*)?-\s*(?:(\d+)\s*)?$/i.exec(header ?? "") ?? [];
  if (first === "" && last === "") return { kind: "whole" };
  if (first === "") {
    const suffixBytes = Math.min(Number(last), sizeBytes);
    return suffixBytes === 0 ? { kind: "unsatisfiable" } : toPart(sizeBytes - suffixBytes, sizeBytes);
  }
  if (last !== "" && Number(last) < Number(first)) return { kind: "whole" };
  if (Number(first) >= sizeBytes) return { kind: "unsatisfiable" };
  return toPart(Number(first), last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes));
}

function toPart(offset: number, end: number): RangeChoice {
  return { kind: "part", offset, sizeBytes: end - offset };
}
