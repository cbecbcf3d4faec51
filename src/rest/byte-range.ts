/** Which bytes of a representation an answer holds. */
export type RangeChoice =
  | { kind: "whole" }
  | { kind: "part"; offset: number; sizeBytes: number }
  | { kind: "unsatisfiable" };

/**
 * What a Range header asks of `sizeBytes` bytes (RFC 9110, 14.1.2): one range of bytes. Other units, several ranges and what
 * is no range are passed over, as the RFC allows: the answer is the whole.
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
