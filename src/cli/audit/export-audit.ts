import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { toExportLine } from "../../client/calls/export-line.ts";
import type { SluiceClient } from "../../client/client.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { printNote, type Terminal } from "../terminal/terminal.ts";

/** What `sluice audit export` was told. */
export interface ExportOptions extends ConnectionOptions {
  filter: string;
  after: number;
  /** File for the lines; standard output without one. */
  out?: string;
}

/**
 * `sluice audit export`: writes a line of JSON for each entry, the oldest first, and one with the end, as REST does. Rejects unless the export is complete; a note then says from where another one goes on.
 */
export async function runExportAudit(terminal: Terminal, options: ExportOptions): Promise<void> {
  const { namespace, filter, out } = options;
  const selection = { namespace, filter, afterSequence: BigInt(options.after), signal: terminal.signal };
  await withClient(terminal, options, async (client) => {
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
