import type { Plain } from "./comparison/plain.ts";
import { REVERT_DRIFT } from "./expected/revert.ts";
import type { Finding } from "./finding.ts";

const WORDS: Readonly<Record<Finding["status"], string>> = {
  ok: "ok",
  drift: "DRIFT",
  flagged: "FLAGGED",
  unreadable: "UNREADABLE",
  unsupported: "unsupported",
};

/** Longest value that is printed in full, in characters; the JSON output has all values in full. */
const VALUE_LENGTH_MAX = 400;

/**
 * The findings as text. It lists findings that are not ok by resource, each with the expected and the actual value, the
 * consequence and the mend, then the number of findings of each status, and then by name what was not read, and the
 * permissions that are missing for it. It ends in a line feed.
 */
export function printVerification(findings: readonly Finding[]): string {
  const lines: string[] = [];
  let resource = "";
  for (const finding of findings) {
    if (finding.status === "ok") continue;
    if (finding.resource !== resource) lines.push(...(resource === "" ? [] : [""]), finding.resource);
    resource = finding.resource;
    lines.push(...toLines(finding));
  }
  if (findings.some(({ mend }) => mend.includes(REVERT_DRIFT))) {
    lines.push("", `To revert the stack's drift: ${REVERT_DRIFT}.`);
  }
  if (lines.length > 0) lines.push("");
  return `${[...lines, ...toSummary(findings)].map(escapeControls).join("\n")}\n`;
}

function toLines({ check, status, expected, actual, meaning, mend }: Finding): string[] {
  return [
    `  ${WORDS[status]} ${check}`,
    ...(status === "drift" ? [`    expected: ${toText(expected)}`, `    there is: ${toText(actual)}`] : []),
    `    meaning: ${meaning}`,
    `    mend: ${mend.replaceAll(REVERT_DRIFT, "revert the stack's drift (below)")}`,
  ];
}

function toText(value: Plain | undefined): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX)}…`;
}

function toSummary(findings: readonly Finding[]): string[] {
  const count = (status: Finding["status"]) => findings.filter((finding) => finding.status === status).length;
  const [drift, flagged] = [count("drift"), count("flagged")];
  const [unreadable, unsupported] = [count("unreadable"), count("unsupported")];
  const checks = `${findings.length} checks: ${count("ok")} ok`;
  const others = [
    ...(drift > 0 ? [`${drift} drifted`] : []),
    ...(flagged > 0 ? [`${flagged} flagged`] : []),
    ...(unreadable > 0 ? [`${unreadable} unreadable`] : []),
    ...(unsupported > 0 ? [`${unsupported} unsupported here`] : []),
  ];
  return [[checks, ...others].join(", "), ...listUnread(findings)];
}

/** The resources of which something was not read, by the permissions that are missing, and those that are not there to read. */
function listUnread(findings: readonly Finding[]): string[] {
  const groups = new Map<string, Set<string>>();
  for (const { status, resource, permissions = [] } of findings) {
    if (status !== "unreadable" && status !== "unsupported") continue;
    const unread =
      permissions.length > 0 ? `not read, without ${permissions.join(" and ")}` : "not read, as said above";
    const reason = status === "unsupported" ? "unsupported here" : unread;
    groups.set(reason, (groups.get(reason) ?? new Set()).add(resource));
  }
  return [...groups].map(([reason, resources]) => `  ${reason}: ${[...resources].join(", ")}`);
}

/** Whoever changed the bucket chose names and values in it: these must not move the terminal's cursor. */
function escapeControls(line: string): string {
  return line.replace(/\p{Cc}/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
