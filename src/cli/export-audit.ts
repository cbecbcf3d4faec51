import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { SluiceClient } from "../client/client.ts";
import { toExportLine } from "../client/export-line.ts";
import { type ConnectionOptions, withClient } from "./client-environment.ts";
import { formatBytes, formatTime } from "./human-units.ts";
import { printJson, printLine, printNote, type Terminal } from "./terminal.ts";

/** What `sluice audit export` was told. */
export interface ExportOptions extends ConnectionOptions {
  json: boolean;
  filter: string;
  after: number;
  /** File for the lines; standard output without one. */
  out?: string;
  toBucket: boolean;
}

/**
 * `sluice audit export`: writes a line of JSON for each entry, the oldest first, and one with the end, as REST does; or has the service
 * write them into an object. Rejects unless the export is complete; a note then says from where another one goes on.
 */
export async function runExportAudit(terminal: Terminal, options: ExportOptions): Promise<void> {
  const { namespace, filter, out } = options;
  const selection = { namespace, filter, afterSequence: BigInt(options.after), signal: terminal.signal };
  await withClient(terminal, options, async (client) => {
    if (options.toBucket) return await exportToBucket(terminal, client, { ...selection, json: options.json });
    const lines = Readable.from(toLines(terminal, client.exportAudit(selection)));
    if (out === undefined) await pipeline(lines, terminal.stdout, { end: false });
    else await pipeline(lines, createWriteStream(out));
  });
}

async function* toLines(
  terminal: Terminal,
  entries: ReturnType<SluiceClient["exportAudit"]>,
): AsyncGenerator<string, void, undefined> {
  let last: bigint | undefined;
  try {
    for (;;) {
      const { done, value } = await entries.next();
      if (done) return yield toExportLine({ case: "end", value });
      yield toExportLine({ case: "entry", value });
      last = value.sequence;
    }
  } catch (error) {
    if (last !== undefined)
      printNote(terminal, `the export is not complete; --after ${last} goes on behind its last entry`);
    throw error;
  }
}

async function exportToBucket(
  terminal: Terminal,
  client: SluiceClient,
  { json, ...selection }: Parameters<SluiceClient["exportAudit"]>[0] & { json: boolean },
): Promise<void> {
  const exported = await client.exportAuditToBucket({
    ...selection,
    onProgress: ({ count }) => {
      if (!json) printNote(terminal, `${count} entries`);
    },
  });
  const { bucket, key, url, sizeBytes, end, expireTime } = exported;
  const [count, lastSequence] = [end?.count ?? 0n, end?.lastSequence ?? 0n];
  const expiresAt = expireTime === undefined ? undefined : timestampDate(expireTime);
  if (json) {
    const numbers = { sizeBytes: Number(sizeBytes), count: Number(count), lastSequence: Number(lastSequence) };
    printJson(terminal, { type: "export", bucket, key, url, ...numbers, expireTime: expiresAt?.toISOString() });
    return;
  }
  const until = expiresAt === undefined ? "" : `, kept until ${formatTime(expiresAt)}`;
  printLine(
    terminal,
    `${count} entries up to ${lastSequence} in ${bucket}/${key} (${formatBytes(Number(sizeBytes))}${until})`,
  );
  printLine(terminal, url);
}
