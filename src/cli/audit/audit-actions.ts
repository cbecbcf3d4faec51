import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { AuditEntry } from "../../../gen/sluice/v1/audit_service_pb.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { formatTime } from "../terminal/human-units.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";

/** `sluice audit ls`: prints each entry as a line, or with `json` as an object, the newest first. */
export async function runListAudit(
  terminal: Terminal,
  options: ConnectionOptions & { json: boolean; filter: string; limit: number },
): Promise<void> {
  const { namespace, json, filter, limit } = options;
  await withClient(terminal, options, async (client) => {
    let left = limit;
    if (left === 0) return;
    for await (const entry of client.allAuditEntries({ namespace, filter, signal: terminal.signal })) {
      if (json) printJson(terminal, toEntryJson(entry));
      else printLine(terminal, toRow(entry));
      if (--left === 0) return;
    }
  });
}

function toRow({ sequence, time, action, outcome, actor, erased, path, sourcePath, times }: AuditEntry): string {
  const at = time === undefined ? "" : formatTime(timestampDate(time));
  const often = times > 1n ? ` (${times} times)` : "";
  const from = sourcePath === "" || sourcePath === path ? "" : ` (from ${sourcePath})`;
  const who = erased ? "(erased)" : actor;
  return `${String(sequence).padStart(8)}  ${at}  ${action.padEnd(17)}  ${outcome.padEnd(8)}  ${who}  ${path}${from}${often}`.trimEnd();
}

/** An entry for programs: numbers as numbers, the time in ISO 8601. */
export function toEntryJson(entry: AuditEntry): Record<string, unknown> {
  const { $typeName: _, time, firstTime, sequence, generation, times, ...rest } = entry;
  return {
    sequence: Number(sequence),
    ...(time !== undefined && { time: timestampDate(time).toISOString() }),
    ...(firstTime !== undefined && { firstTime: timestampDate(firstTime).toISOString() }),
    ...rest,
    generation: Number(generation),
    times: Number(times),
  };
}
