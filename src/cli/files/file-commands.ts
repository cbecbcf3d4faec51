import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { File } from "../../../gen/sluice/v1/file_pb.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { formatBytes, formatTime } from "../terminal/human-units.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";
import { onLiveFile } from "./deleted-file.ts";
import { toFileJson } from "./file-json.ts";

/** The files to show, and their order. Empty options are left out. */
export interface ShowOptions extends ConnectionOptions {
  json: boolean;
  deleted: boolean;
  filter: string;
  order: string;
}

/**
 * `sluice ls [prefix]`: prints size, time of commit, generation and path of each file; with `json`, one JSON object a line.
 */
export async function runList(
  terminal: Terminal,
  prefix: string,
  options: ShowOptions & { folders: boolean },
): Promise<void> {
  const { namespace, deleted, filter, order, folders } = options;
  const list = { namespace, prefix, showDeleted: deleted, filter, orderBy: order, signal: terminal.signal };
  await withClient(terminal, options, async (client) => {
    if (!folders) return await printFiles(terminal, client.allFiles(list), options);
    let pageToken = "";
    do {
      const page = await client.listFiles({ ...list, delimiter: "/", pageSize: 1000, pageToken });
      printFolder(terminal, page, options);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  });
}

/** `sluice search [words]`: prints the files that match, as `ls` does. */
export async function runSearch(
  terminal: Terminal,
  words: readonly string[],
  options: ShowOptions & { limit?: number },
): Promise<void> {
  const { namespace, deleted, filter, order, limit } = options;
  const search = { namespace, query: words.join(" "), filter, orderBy: order, showDeleted: deleted };
  await withClient(terminal, options, async (client) => {
    const pageSize = Math.min(limit ?? 1000, 1000);
    const files = client.allMatches({ ...search, pageSize, signal: terminal.signal });
    await printFiles(terminal, files, options);
  });
}

/** `sluice generations <path>`: prints all generations that are kept, the newest first, and the state of each. */
export async function runGenerations(
  terminal: Terminal,
  path: string,
  options: ConnectionOptions & { json: boolean },
): Promise<void> {
  await withClient(terminal, options, async (client) => {
    const files = client.allGenerations(path, { namespace: options.namespace, signal: terminal.signal });
    await printFiles(terminal, files, options);
  });
}

/** `sluice label <path> <name=value | name->`: sets and removes labels; all others stay. */
export async function runLabel(
  terminal: Terminal,
  [path, changes]: [path: string, changes: readonly string[]],
  options: ConnectionOptions & { json: boolean },
): Promise<void> {
  const labels: Record<string, string> = {};
  const updateMask = changes.map((change) => {
    const [, name, value] = /^([^=]+?)(?:=(.*)|-)$/s.exec(change) ?? [];
    if (name === undefined)
      throw new UsageError(`"${change}" changes no label; write team=legal to set one, team- to remove it`);
    if (value !== undefined) labels[name] = value;
    return `labels.${name}`;
  });
  await withClient(terminal, options, async (client) => {
    const { namespace, json } = options;
    const call = { namespace, signal: terminal.signal };
    const file = await onLiveFile(client, { path, ...call }, () =>
      client.updateFile(path, { labels }, { ...call, updateMask }),
    );
    if (json) return printJson(terminal, toFileJson(file));
    const shown = Object.entries(file.labels).map(([name, value]) => `${name}=${value}`);
    printLine(terminal, `labels of ${path}: ${shown.length === 0 ? "none" : shown.sort().join(", ")}`);
  });
}

async function printFiles(
  terminal: Terminal,
  files: AsyncIterable<File>,
  { json, limit = Number.POSITIVE_INFINITY }: { json: boolean; limit?: number },
): Promise<void> {
  let count = 0;
  if (limit === 0) return;
  for await (const file of files) {
    if (json) printJson(terminal, toFileJson(file));
    else printLine(terminal, toRow(file));
    if (++count >= limit) return;
  }
}

/** Prints files and folders in one order, that of the bytes of their paths. */
function printFolder(
  terminal: Terminal,
  { files, folders }: { files: File[]; folders: string[] },
  { json }: { json: boolean },
): void {
  const entries = [...files, ...folders.map((folder) => ({ folder, path: folder }))];
  for (const entry of entries.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))) {
    if (!("folder" in entry)) json ? printJson(terminal, toFileJson(entry)) : printLine(terminal, toRow(entry));
    else if (json) printJson(terminal, { folder: entry.folder });
    else printLine(terminal, `${"".padEnd(34)}  ${entry.folder}`);
  }
}

/** `sluice rm <path>`: deletes a file so that it can be restored, and prints until when. */
export async function runRemove(
  terminal: Terminal,
  path: string,
  options: ConnectionOptions & { json: boolean; ifGenerationMatch?: number },
): Promise<void> {
  const { namespace, ifGenerationMatch } = options;
  await withClient(terminal, options, async (client) => {
    const call = { namespace, signal: terminal.signal };
    const condition = ifGenerationMatch === undefined ? {} : { ifGenerationMatch: BigInt(ifGenerationMatch) };
    const file = await onLiveFile(client, { path, ...call }, () => client.deleteFile(path, { ...call, ...condition }));
    if (options.json) return printJson(terminal, toFileJson(file));
    const until = file.purgeTime === undefined ? "" : ` until ${formatTime(timestampDate(file.purgeTime))}`;
    printLine(
      terminal,
      `deleted ${path}, generation ${file.generation}; \`sluice restore ${path}\` brings it back${until}`,
    );
  });
}

function toRow(file: File): string {
  const size = formatBytes(Number(file.sizeBytes)).padStart(10);
  const time = file.createTime === undefined ? "".padEnd(16) : formatTime(timestampDate(file.createTime));
  const deleted = file.purged
    ? "  (purged)"
    : file.deleteTime !== undefined
      ? "  (deleted)"
      : file.supersedeTime !== undefined
        ? "  (superseded)"
        : "";
  return `${size}  ${time}  ${String(file.generation).padStart(4)}  ${file.path}${deleted}`;
}
