import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { File } from "../../gen/sluice/v1/file_pb.ts";
import { type ConnectionOptions, withClient } from "./client-environment.ts";
import { toFileJson } from "./file-json.ts";
import { formatBytes, formatTime } from "./human-units.ts";
import { printJson, printLine, type Terminal } from "./terminal.ts";

/** `sluice ls [prefix]`: size, time of commit, generation and path of each file; a JSON object a line with `json`. */
export async function runList(
  terminal: Terminal,
  prefix: string,
  options: ConnectionOptions & { json: boolean; deleted: boolean },
): Promise<void> {
  const { namespace, json, deleted } = options;
  await withClient(terminal, options, async (client) => {
    const files = client.allFiles({ namespace, prefix, showDeleted: deleted, signal: terminal.signal });
    for await (const file of files) {
      if (json) printJson(terminal, toFileJson(file));
      else printLine(terminal, toRow(file));
    }
  });
}

/** `sluice rm <path>`: deletes a file, softly, and says until when it can be restored. */
export async function runRemove(
  terminal: Terminal,
  path: string,
  options: ConnectionOptions & { json: boolean; ifGenerationMatch?: number },
): Promise<void> {
  const { namespace, ifGenerationMatch } = options;
  await withClient(terminal, options, async (client) => {
    const file = await client.deleteFile(path, {
      namespace,
      signal: terminal.signal,
      ...(ifGenerationMatch !== undefined && { ifGenerationMatch: BigInt(ifGenerationMatch) }),
    });
    if (options.json) return printJson(terminal, toFileJson(file));
    const until = file.purgeTime === undefined ? "" : ` until ${formatTime(timestampDate(file.purgeTime))}`;
    printLine(
      terminal,
      `deleted ${path}, generation ${file.generation}; \`sluice restore ${path}\` brings it back${until}`,
    );
  });
}

/** `sluice restore <path>`: brings a deleted file back. */
export async function runRestore(
  terminal: Terminal,
  path: string,
  options: ConnectionOptions & { json: boolean; generation?: number },
): Promise<void> {
  const { namespace, generation } = options;
  await withClient(terminal, options, async (client) => {
    const file = await client.undeleteFile(path, {
      namespace,
      signal: terminal.signal,
      ...(generation !== undefined && { generation: BigInt(generation) }),
    });
    if (options.json) return printJson(terminal, toFileJson(file));
    printLine(terminal, `restored ${path}, generation ${file.generation}, ${formatBytes(Number(file.sizeBytes))}`);
  });
}

function toRow(file: File): string {
  const size = formatBytes(Number(file.sizeBytes)).padStart(10);
  const time = file.createTime === undefined ? "".padEnd(16) : formatTime(timestampDate(file.createTime));
  const deleted = file.deleteTime === undefined ? "" : "  (deleted)";
  return `${size}  ${time}  ${String(file.generation).padStart(4)}  ${file.path}${deleted}`;
}
