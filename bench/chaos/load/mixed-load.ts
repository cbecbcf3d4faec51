import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { createRandom } from "../../stage/seeded-random.ts";
import type { Caller, Outcome } from "./caller.ts";
import { drawContent } from "./contents.ts";
import type { Tally } from "./tally.ts";

/** The load of one caller on files of its own. */
export interface MixedOptions {
  readonly seed: number;
  /** The folder that only this caller changes. */
  readonly folder: string;
  /** Smallest and largest upload, in bytes. */
  readonly sizesBytes: readonly [number, number];
  /** Mean time between the beginnings of two calls, in milliseconds. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
}

/** What lies at paths: the CRC32 of each live file, undefined where there is none. */
type Files = ReadonlyMap<string, number | undefined>;

/** Live files that a caller keeps; it deletes beyond that. */
const FILES_MAX = 40;

/**
 * Calls one method after the other on files that nobody else changes, so that it knows what must be there. A call without an answer leaves
 * two possibilities; its paths are then left alone to the end.
 */
export class MixedLoad {
  readonly #caller: Caller;
  readonly #tally: Tally;
  readonly #options: MixedOptions;
  readonly #random: () => number;
  readonly #live = new Map<string, number>();
  readonly #deleted = new Map<string, number>();
  readonly #gone = new Set<string>();
  /** Each call without an answer: what may be at its paths. */
  readonly #open: Files[][] = [];
  #names = 0;
  /** One sentence for each answer that was not right. */
  readonly problems: string[] = [];

  constructor(caller: Caller, tally: Tally, options: MixedOptions) {
    this.#caller = caller;
    this.#tally = tally;
    this.#options = options;
    this.#random = createRandom(options.seed);
  }

  async run(): Promise<void> {
    const { pauseMs, signal } = this.#options;
    while (!signal.aborted) {
      // Calls that fail at once must not come more often than others: they would count for more than their share of the time.
      const begunAt = performance.now();
      await this.#callOnce();
      await delay(Math.max(0, begunAt + 2 * pauseMs * this.#random() - performance.now()));
    }
  }

  /** Reads everything back through this caller, and resolves to a sentence for everything that is lost or wrong. */
  async verify(caller: Caller): Promise<string[]> {
    const problems: string[] = [];
    for (const [path, sum] of this.#live) {
      const found = await readBack(caller, path);
      if (found !== sum) problems.push(`${path} ${describe(found)}, where ${describe(sum)} was committed`);
    }
    for (const path of [...this.#deleted.keys(), ...this.#gone]) {
      const found = await readBack(caller, path);
      if (found !== undefined) problems.push(`${path} ${describe(found)}, though it was deleted or moved`);
    }
    for (const possibilities of this.#open) {
      const paths = [...(possibilities[0] as Files).keys()];
      const found = new Map<string, number | undefined>();
      for (const path of paths) found.set(path, await readBack(caller, path));
      const isPossible = possibilities.some((files) => paths.every((path) => files.get(path) === found.get(path)));
      if (!isPossible)
        problems.push(
          `${paths.join(" and ")}: ${paths.map((path) => describe(found.get(path))).join(" and ")}, which no call can have left`,
        );
    }
    return problems;
  }

  async #callOnce(): Promise<void> {
    const draw = this.#random();
    const [path, sum] = this.#pick(this.#live);
    if (path === undefined || draw < 0.25) return await this.#upload();
    if (this.#live.size > FILES_MAX || draw < 0.32) return await this.#remove(path, sum);
    if (draw < 0.37) return await this.#undelete();
    if (draw < 0.44) return await this.#place("copy", path, sum);
    if (draw < 0.51) return await this.#place("move", path, sum);
    if (draw < 0.75) {
      const outcome = this.#tally.count(await this.#caller.read(path));
      return this.#expect(outcome, `read of ${path}`, ({ crc32 }) => crc32 === sum);
    }
    if (draw < 0.9) {
      const outcome = this.#tally.count(await this.#caller.get(path));
      return this.#expect(outcome, `get of ${path}`, (told) => told.crc32 === sum);
    }
    const outcome = this.#tally.count(await this.#caller.list(`${this.#options.folder}/`));
    this.#expect(outcome, `list of ${this.#options.folder}`, (paths) => {
      const listed = new Set(paths);
      return [...this.#live.keys()].every((one) => listed.has(one)) && ![...this.#gone].some((one) => listed.has(one));
    });
  }

  async #upload(): Promise<void> {
    const bytes = drawContent(this.#random, this.#options.sizesBytes);
    const [path, sum] = [this.#newPath(), crc32(bytes)];
    const outcome = this.#tally.count(await this.#caller.upload(path, bytes));
    this.#expect(outcome, `upload to ${path}`, (told) => told.crc32 === sum);
    this.#settle(outcome, new Map([[path, undefined]]), new Map([[path, sum]]));
  }

  async #remove(path: string, sum: number): Promise<void> {
    const outcome = this.#tally.count(await this.#caller.remove(path));
    this.#expect(outcome, `deletion of ${path}`, (told) => told.crc32 === sum);
    this.#settle(outcome, new Map([[path, sum]]), new Map([[path, undefined]]));
    if (outcome.kind === "done") this.#deleted.set(path, sum);
  }

  async #undelete(): Promise<void> {
    const [path, sum] = this.#pick(this.#deleted);
    if (path === undefined) return;
    this.#deleted.delete(path);
    const outcome = this.#tally.count(await this.#caller.undelete(path));
    this.#expect(outcome, `restoration of ${path}`, (told) => told.crc32 === sum);
    this.#settle(outcome, new Map([[path, undefined]]), new Map([[path, sum]]));
  }

  async #place(how: "copy" | "move", path: string, sum: number): Promise<void> {
    const target = this.#newPath();
    const outcome = this.#tally.count(await this.#caller[how](path, target));
    this.#expect(outcome, `${how} of ${path} to ${target}`, (told) => told.crc32 === sum);
    if (how === "copy") return this.#settle(outcome, new Map([[target, undefined]]), new Map([[target, sum]]));
    const before = new Map([
      [path, sum],
      [target, undefined],
    ]);
    this.#settle(
      outcome,
      before,
      new Map([
        [path, undefined],
        [target, sum],
      ]),
    );
    if (outcome.kind === "done") this.#gone.add(path);
  }

  /** Notes a problem when the call was refused, though nobody else is here, or its answer is not right. */
  #expect<T>(outcome: Outcome<T>, what: string, isRight: (value: T) => boolean): void {
    if (outcome.kind === "refused") this.problems.push(`${what} was refused with ${outcome.reason}`);
    if (outcome.kind === "done" && !isRight(outcome.value))
      this.problems.push(`${what} answered something else than was there`);
  }

  /** Notes what is there: as before after a refusal, one of the two after a failure. */
  #settle(outcome: Outcome<unknown>, before: Files, after: Files): void {
    if (outcome.kind === "failed") {
      this.#open.push([before, after]);
      for (const path of before.keys()) this.#live.delete(path);
      return;
    }
    for (const [path, sum] of outcome.kind === "done" ? after : before) {
      if (sum === undefined) this.#live.delete(path);
      else this.#live.set(path, sum);
    }
  }

  #pick(files: ReadonlyMap<string, number>): [string, number] | [undefined, 0] {
    const entries = [...files];
    return entries[Math.floor(this.#random() * entries.length)] ?? [undefined, 0];
  }

  #newPath(): string {
    return `${this.#options.folder}/${this.#names++}`;
  }
}

async function readBack(caller: Caller, path: string): Promise<number | undefined> {
  const outcome = await caller.read(path);
  if (outcome.kind === "done") return outcome.value.crc32;
  if (outcome.kind === "refused" && outcome.reason === "FILE_NOT_FOUND") return undefined;
  throw new Error(`${path} could not be read back when all was well again: ${outcome.reason}`);
}

function describe(sum: number | undefined): string {
  return sum === undefined ? "nothing" : `a file of CRC32 ${sum.toString(16)}`;
}
