import { setTimeout as delay } from "node:timers/promises";
import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { type CommitPosition, formatCommitPosition } from "../../domain/commit-position.ts";
import { DomainError } from "../../domain/errors.ts";
import { toDomainError } from "./errors.ts";
import type { ServerGate } from "./server-gate.ts";

/** How long a query waits for its replica, in milliseconds: streaming replication is mostly less far behind. */
const REPLAY_WAIT_MAX_MS = 250;
const REPLAY_POLL_MS = 25;
/** A replica that failed is left alone for so long, and one that was waited for in vain is not waited for again. */
const REPLICA_REST_MS = 1000;

const replayedRow = z.object({ replayed: z.boolean() });

/** Runs a query where its answer has seen `position`. The query may be run twice. */
export type ReadPool = <T>(
  position: CommitPosition | undefined,
  query: (pool: CommonQueryMethods) => Promise<T>,
) => Promise<T>;

/** The servers that queries go to, and the limits that a test may change. */
export interface ReadPoolOptions {
  /** Queries' own connections to the primary. */
  primary: DatabasePool;
  /** Opens the replica's pool, when it is first needed and again after it failed; absent: there is none. */
  openReplica?: (() => Promise<DatabasePool>) | undefined;
  /** Tells whether the replica answers questions: a server that hangs says nothing by itself. */
  gate?: Pick<ServerGate, "isClosed" | "whileOpen">;
  /** Hears when the replica fails, and when it answers again. */
  onChange?: ((isUsable: boolean, error?: unknown) => void) | undefined;
  /** Milliseconds that never go back, and how they are waited for. */
  clock?: { now(): number; wait(ms: number): Promise<unknown> };
}

/**
 * Sends queries to a replica, as long as it answers and has replayed the caller's commit position within 250 ms; otherwise
 * to the primary, and for the next second without waiting. A query that waits at a replica when its checks fail goes to the
 * primary as well. A caller who sends no position may miss a commit of a moment ago.
 */
export function createReadPool(options: ReadPoolOptions): { read: ReadPool; end(): Promise<void> } {
  const { primary, openReplica, gate = ALWAYS_OPEN } = options;
  if (openReplica === undefined) return { read: (_position, query) => query(primary), end: async () => {} };
  const replica = new Replica({ ...options, openReplica });
  /** The replica's answer; undefined when it has none to give. */
  const askReplica = async <T>(
    position: CommitPosition | undefined,
    query: (pool: CommonQueryMethods) => Promise<T>,
  ): Promise<{ answer: T } | undefined> => {
    let pool: DatabasePool | undefined;
    const ask = async () => {
      pool = await replica.reach(position);
      return pool && { answer: await query(pool) };
    };
    try {
      return gate.isClosed ? undefined : await gate.whileOpen(ask());
    } catch (error) {
      if (!isAway(error)) throw error;
      replica.rest(error, pool);
      return undefined;
    }
  };
  const read: ReadPool = async (position, query) => {
    const found = await askReplica(position, query);
    return found === undefined ? await query(primary) : found.answer;
  };
  return { read, end: () => replica.end() };
}

const REAL_CLOCK = { now: () => performance.now(), wait: (ms: number) => delay(ms) };

const ALWAYS_OPEN: Pick<ServerGate, "isClosed" | "whileOpen"> = { isClosed: false, whileOpen: (work) => work };

/** One replica: its pool, what it has replayed, and whether it is worth a try. */
class Replica {
  readonly #options: ReadPoolOptions & { openReplica: () => Promise<DatabasePool> };
  readonly #clock: NonNullable<ReadPoolOptions["clock"]>;
  #pool: Promise<DatabasePool> | undefined;
  #opened: DatabasePool | undefined;
  /** It has replayed all up to here. */
  #replayed: CommitPosition = 0n;
  #restsUntil = 0;
  /** Until then it counts as further behind than any caller waits. */
  #isBehindUntil = 0;
  #isUsable = true;

  constructor(options: ReadPoolOptions & { openReplica: () => Promise<DatabasePool> }) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
  }

  /**
   * The replica's pool, once the replica has replayed `position`; undefined when it has not done so in time, or does not
   * answer.
   */
  async reach(position: CommitPosition | undefined): Promise<DatabasePool | undefined> {
    if (this.#clock.now() < this.#restsUntil) return undefined;
    try {
      this.#pool ??= this.#options.openReplica();
      const pool = await this.#pool;
      this.#opened = pool;
      const isReached = await this.#awaitReplay(pool, position ?? 0n);
      if (!this.#isUsable) {
        this.#isUsable = true;
        this.#options.onChange?.(true);
      }
      return isReached ? pool : undefined;
    } catch (error) {
      if (!isAway(error)) throw error;
      this.rest(error);
      return undefined;
    }
  }

  /** Leaves the replica alone for a while, unless it was opened again since `failed`. */
  rest(error: unknown, failed = this.#opened): void {
    if (failed !== this.#opened) return;
    this.#restsUntil = this.#clock.now() + REPLICA_REST_MS;
    // When it comes back, another server may have its name, which has replayed less.
    this.#replayed = 0n;
    const closing = this.#pool;
    this.#pool = undefined;
    this.#opened = undefined;
    void closing?.then((pool) => pool.end()).catch(() => {});
    if (!this.#isUsable) return;
    this.#isUsable = false;
    this.#options.onChange?.(false, error);
  }

  async end(): Promise<void> {
    await this.#pool?.then((pool) => pool.end()).catch(() => {});
  }

  async #awaitReplay(pool: DatabasePool, position: CommitPosition): Promise<boolean> {
    const begun = this.#clock.now();
    const waitMaxMs = begun < this.#isBehindUntil ? 0 : REPLAY_WAIT_MAX_MS;
    while (this.#replayed < position) {
      // A server that is no replica (any more) has everything that it has committed: it is past every position. The end of the log is
      // no measure: Aurora does not tell it.
      const isReplayed = await pool.oneFirst(sql.type(replayedRow)`
        SELECT NOT pg_is_in_recovery()
          OR coalesce((SELECT max(mark) FROM journal_mark), 0) >= ${formatCommitPosition(position)}::bigint AS replayed`);
      if (isReplayed && pool === this.#opened && position > this.#replayed) this.#replayed = position;
      if (isReplayed) return true;
      const now = this.#clock.now();
      if (now - begun >= waitMaxMs) {
        if (waitMaxMs > 0) this.#isBehindUntil = now + REPLICA_REST_MS;
        return false;
      }
      await this.#clock.wait(REPLAY_POLL_MS);
    }
    return true;
  }
}

function isAway(error: unknown): boolean {
  const translated = toDomainError(error);
  return translated instanceof DomainError && translated.reason === "DATABASE_UNAVAILABLE";
}
