import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { createRandom } from "../../stage/seeded-random.ts";
import type { Operation } from "../history/operation.ts";
import type { Caller, Outcome, Told } from "./caller.ts";
import { drawContent } from "./contents.ts";
import type { Tally } from "./tally.ts";

/** A caller of the contested paths. */
export interface Contender {
  readonly caller: Caller;
  readonly tally: Tally;
  /** Whether its reads see the newest state. Otherwise they see at least what its own last change left. */
  readonly readsNewest: boolean;
}

/** Calls on pairs of paths that all contenders change. */
export interface ContestedOptions {
  readonly seed: number;
  /** Two paths each. */
  readonly pairs: number;
  /** All pairs are replaced by new ones after so many calls: judging gets hard with the length of a history. */
  readonly callsPerHistory: number;
  /** Mean time between the beginnings of two calls of a contender, in milliseconds. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
}

/** Folder of all contested paths. */
export const CONTESTED = "contested";

/**
 * How long a contender waits after a call of unknown outcome, in milliseconds. Each such call may stand anywhere behind its beginning, so
 * with many of them judging takes for ever.
 */
const UNKNOWN_PAUSE_MS = 2000;

const SIZES_BYTES = [64, 2048] as const;
const KINDS = ["commit", "commit", "commit-if", "get", "get", "get", "delete", "undelete", "move"] as const;

/** Has the contenders call until the signal, and resolves to the histories, each of calls on pairs of its own. */
export async function runContestedLoad(
  contenders: readonly Contender[],
  options: ContestedOptions,
): Promise<Operation[][]> {
  const histories: Operation[][] = [[]];
  const next = (): { history: Operation[]; number: number } => {
    if ((histories.at(-1) as Operation[]).length >= options.callsPerHistory) histories.push([]);
    return { history: histories.at(-1) as Operation[], number: histories.length };
  };
  await Promise.all(contenders.map((contender, index) => new ContestedCaller(contender, index, options).run(next)));
  return histories;
}

/** One contender, and what it has been told so far. */
class ContestedCaller {
  readonly #contender: Contender;
  readonly #index: number;
  readonly #options: ContestedOptions;
  readonly #random: () => number;
  /** The highest generation that it was told of each path. */
  readonly #seen = new Map<string, number>();
  /** When its last change that it had an answer of began. */
  #changedAt = 0;

  constructor(contender: Contender, index: number, options: ContestedOptions) {
    this.#contender = contender;
    this.#index = index;
    this.#options = options;
    this.#random = createRandom(Math.imul(options.seed, 0x9e3779b1) + index);
  }

  async run(next: () => { history: Operation[]; number: number }): Promise<void> {
    const { pairs, pauseMs, signal } = this.#options;
    while (!signal.aborted) {
      const begunAt = performance.now();
      const { history, number } = next();
      const pair = Math.floor(this.#random() * pairs);
      const operation = await this.#call(pair, `${CONTESTED}/${number}/${pair}`);
      // A read without an answer says nothing, nor does a call that was overtaken all the time.
      if (operation !== undefined) history.push(operation);
      if (operation?.outcome === "unknown") await delay(UNKNOWN_PAUSE_MS);
      await delay(Math.max(0, begunAt + 2 * pauseMs * this.#random() - performance.now()));
    }
  }

  async #call(pair: number, folder: string): Promise<Operation | undefined> {
    const { caller, tally, readsNewest } = this.#contender;
    const path: 0 | 1 = this.#random() < 0.5 ? 0 : 1;
    const [own, other] = path === 0 ? (["a", "b"] as const) : (["b", "a"] as const);
    const [from, target] = [`${folder}/${own}`, `${folder}/${other}`];
    const drawn = KINDS[Math.floor(this.#random() * KINDS.length)] as (typeof KINDS)[number];
    const kind = drawn === "commit-if" ? "commit" : drawn;
    const bytes = kind === "commit" ? drawContent(this.#random, SIZES_BYTES) : undefined;
    const ifGeneration = drawn === "commit-if" ? (caller.retries ? (this.#seen.get(from) ?? 0) : 0) : undefined;
    const call = now();
    const outcome = tally.count(await this.#ask({ kind, path: from, target, bytes, ifGeneration }));
    const common = {
      ...{ pair, caller: this.#index, kind, path, call, return: now() },
      ...(bytes !== undefined && { content: crc32(bytes) }),
      ...(ifGeneration !== undefined && { ifGeneration }),
    } as const;
    const isRead = kind === "get";
    const promised = isRead && !readsNewest && { call: this.#changedAt, seen: this.#seen.get(from) ?? 0 };
    if (outcome.kind === "failed") return isRead ? undefined : { ...common, outcome: "unknown" };
    if (outcome.kind === "refused") {
      // Neither done nor decided by what is there.
      if (outcome.reason === "CONTENDED") return undefined;
      return { ...common, ...promised, outcome: toRefusal(outcome.reason) };
    }
    const { crc32: content, generation } = outcome.value;
    if (!isRead) this.#changedAt = call;
    const changed = kind === "move" ? target : from;
    if (generation !== undefined && (!isRead || readsNewest))
      this.#seen.set(changed, Math.max(generation, this.#seen.get(changed) ?? 0));
    return { ...common, ...promised, content, ...(generation !== undefined && { generation }), outcome: "ok" };
  }

  async #ask(asked: {
    kind: Operation["kind"];
    path: string;
    target: string;
    bytes: Buffer | undefined;
    ifGeneration: number | undefined;
  }): Promise<Outcome<Told>> {
    const { caller } = this.#contender;
    const { kind, path, target, bytes, ifGeneration } = asked;
    switch (kind) {
      case "commit":
        return await caller.upload(path, bytes as Buffer, {
          ...(ifGeneration !== undefined && { ifGenerationMatch: ifGeneration }),
        });
      case "get":
        return await caller.get(path);
      case "delete":
        return await caller.remove(path);
      case "undelete":
        return await caller.undelete(path);
      case "move":
        return await caller.move(path, target);
    }
  }
}

/** The reasons that the service gives, as the judges of histories know them. */
function toRefusal(reason: string): Operation["outcome"] {
  const outcomes: Readonly<Record<string, Operation["outcome"]>> = {
    FILE_NOT_FOUND: "missing",
    FILE_EXISTS: "exists",
    GENERATION_MISMATCH: "mismatch",
    ETAG_MISMATCH: "mismatch",
  };
  const outcome = outcomes[reason];
  if (outcome === undefined) throw new Error(`a contested call was refused with ${reason}, which no history knows`);
  return outcome;
}

/** Whole microseconds. */
function now(): number {
  return Math.round(performance.now() * 1000);
}
