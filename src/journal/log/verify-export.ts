import { LogProblem } from "../../domain/log/checkpoint.ts";
import type { LogFiles } from "../../domain/log/log-files.ts";
import { isSame, TILE_WIDTH } from "../../domain/log/merkle-tree.ts";
import { type ExportedEntry, type ReadEntry, readExported, toSequence } from "./exported-entry.ts";

/** What an export is compared by. */
export interface ExportOptions {
  lines: AsyncIterable<ExportedEntry>;
  /** Whether the export has all entries behind number `after`, of every namespace. */
  isWhole: boolean;
  after: number;
}

/** What was found in an export. */
export interface ExportCounts {
  /** Entries that are proven. */
  proven: number;
  /** Those among them whose personal part is erased. */
  erased: number;
  /** Entries that are newer than the checkpoint, which nothing proves yet. */
  newer: number;
}

/**
 * Compares an export with the entries of the log, bundle by bundle. Entries name the one before them in their namespace, so an export of
 * one namespace shows where one is missing between two others.
 */
export class ExportVerifier {
  readonly counts: ExportCounts = { proven: 0, erased: 0, newer: 0 };
  readonly #lines: AsyncIterator<ExportedEntry>;
  readonly #options: ExportOptions;
  readonly #files: LogFiles;
  readonly #size: number;
  readonly #lastOf = new Map<string, number>();
  #line: ExportedEntry | undefined;
  #last: number;

  constructor(options: ExportOptions, { files, size }: { files: LogFiles; size: number }) {
    this.#options = options;
    this.#lines = options.lines[Symbol.asyncIterator]();
    this.#files = files;
    this.#size = size;
    this.#last = options.after;
  }

  /** Compares the lines of one bundle. Rejects with LogProblem, which names the first entry that is not as the log has it. */
  async verifyBundle(index: number, entries: readonly Uint8Array[]): Promise<void> {
    const first = index * TILE_WIDTH + 1;
    for (;;) {
      this.#line ??= await this.#next();
      const sequence = this.#line && toSequence(this.#line);
      if (this.#line === undefined || sequence === undefined || sequence >= first + entries.length) return;
      const line = this.#line;
      this.#line = undefined;
      await this.#verifyLine(line, { sequence, expected: entries[sequence - first] });
    }
  }

  /** Looks at what is left behind the last bundle. */
  async end(): Promise<void> {
    for (let line = this.#line ?? (await this.#next()); line !== undefined; line = await this.#next())
      this.counts.newer++;
    if (this.#options.isWhole && this.#last < this.#size)
      throw new LogProblem(
        `entry ${this.#last + 1} was removed: the export ends before it, and the log has ${this.#size}`,
      );
  }

  async #verifyLine(
    line: ExportedEntry,
    { sequence, expected }: { sequence: number; expected: Uint8Array | undefined },
  ): Promise<void> {
    if (sequence === this.#last) throw new LogProblem(`entry ${sequence} is there twice: one of them was added`);
    if (expected === undefined || sequence < this.#last)
      throw new LogProblem(`entry ${sequence} was moved: it stands behind entry ${this.#last}`);
    if (this.#options.isWhole && sequence !== this.#last + 1)
      throw new LogProblem(`entry ${this.#last + 1} was removed: the export goes on with entry ${sequence}`);
    const read = readExported(line);
    if (read.proven.sequence !== sequence) throw await this.#toMoved(read);
    if (!isSame(read.entry, expected))
      throw new LogProblem(`entry ${sequence} was changed: its proof does not give what the log has`);
    this.#verifyLink(read);
    this.#last = sequence;
    this.counts.proven++;
    if (read.isErased) this.counts.erased++;
  }

  /** The entry before it in the namespace has to be the one before it in the export. */
  #verifyLink({ sequence, proven: { namespace, previous } }: ReadEntry): void {
    const last = this.#lastOf.get(namespace);
    this.#lastOf.set(namespace, sequence);
    if (last !== undefined && previous !== undefined && previous > last)
      throw new LogProblem(
        `entry ${previous} was removed: entry ${sequence} names it as the one before it in namespace ${JSON.stringify(namespace)}`,
      );
  }

  async #toMoved({ sequence, proven, entry }: ReadEntry): Promise<LogProblem> {
    const at = proven.sequence - 1;
    const isKnown = Number.isSafeInteger(at) && at >= 0 && at < this.#size;
    const bundle = isKnown ? await this.#files.readBundle(Math.floor(at / TILE_WIDTH)) : undefined;
    const there = bundle?.entries[at % TILE_WIDTH];
    return new LogProblem(
      there !== undefined && isSame(there, entry)
        ? `entry ${sequence} was moved: in the log it is entry ${proven.sequence}`
        : `entry ${sequence} was added: its proof is of an entry ${proven.sequence}, which the log does not have`,
    );
  }

  async #next(): Promise<ExportedEntry | undefined> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) return undefined;
      // A line of ExportAudit holds an entry, or how far the export has come.
      const entry = ((value as ExportedEntry).entry ?? value) as ExportedEntry;
      if (toSequence(entry) !== undefined) return entry;
    }
  }
}
