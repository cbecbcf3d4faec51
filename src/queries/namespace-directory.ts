import { GrantTable } from "../domain/access/grants.ts";
import { DomainError } from "../domain/errors.ts";
import type { Namespaces } from "../domain/namespaces/namespace.ts";
import type { NamespaceRecord, NamespaceRepository } from "../domain/namespaces/namespace-repository.ts";

/** Grants in memory that are older than this decide nothing, in milliseconds. */
export const GRANTS_AGE_MAX_MS = 5000;
/** How often the database is asked what has changed, in milliseconds. */
export const GRANTS_POLL_MS = 1000;
/** A name that is not known makes this process ask the database again, but not more often than this, in milliseconds. */
const UNKNOWN_POLL_MS = 200;
/** When a caller may try again after grants could not be read, in milliseconds. */
const RETRY_AFTER_MS = 1000;

interface Entry {
  readonly record: NamespaceRecord;
  readonly grants: GrantTable;
}

/**
 * All namespaces with their grants, in memory: every call looks there for what it may do and where. The database is asked
 * for changes each second, and at once after a change that this process makes; so a withdrawn grant ends everywhere within a second or
 * two. While the database does not answer, memory decides for five seconds more, and then nothing does.
 */
export class NamespaceDirectory implements Namespaces {
  readonly #source: Pick<NamespaceRepository, "listChanged">;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  /** The regions of the buckets. A bucket of a deleted namespace stays, because its last bytes may still be removed. */
  readonly #regions = new Map<string, string>();
  #version = 0;
  /** When the newest answer of the database was asked for; memory is as young as that. */
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `now` counts milliseconds and never goes back. */
  constructor(source: Pick<NamespaceRepository, "listChanged">, { now = () => performance.now() } = {}) {
    this.#source = source;
    this.#now = now;
  }

  get(name: string): NamespaceRecord | undefined {
    return this.#entries.get(name)?.record;
  }

  /** The region of a bucket; undefined when no namespace has it. */
  regionOf(bucket: string): string | undefined {
    return this.#regions.get(bucket);
  }

  values(): readonly NamespaceRecord[] {
    return [...this.#entries.values()].map(({ record }) => record);
  }

  grantsOf(name: string): GrantTable | undefined {
    return this.#entries.get(name)?.grants;
  }

  /** See `GrantDirectory.freshen`. */
  freshen(name: string): Promise<void> | undefined {
    const ageMs = this.#now() - this.#readAt;
    const isKnown = this.#entries.has(name);
    if (ageMs < GRANTS_AGE_MAX_MS && (isKnown || ageMs < UNKNOWN_POLL_MS)) return undefined;
    return this.#freshen();
  }

  async #freshen(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      if (this.#now() - this.#readAt < GRANTS_AGE_MAX_MS) return;
      const message = "who may do what could not be read from the database for more than 5 s; try again shortly";
      const details = { reason: "DATABASE_UNAVAILABLE", retryAfterMs: RETRY_AFTER_MS, cause: error } as const;
      throw new DomainError("unavailable", message, details);
    }
  }

  /** Reads what has changed. Calls at the same time share one question, asked after the first of them. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Reads what has changed since this call: a question that is under way already may miss it. */
  async catchUp(): Promise<void> {
    await this.#reading?.catch(() => {});
    await this.refresh();
  }

  /** Reads everything for the first time, and what changes each second from then on, until `stop`. */
  async start(): Promise<void> {
    await this.refresh();
    this.#timer = setInterval(() => {
      // Whoever needs grants that are too old hears why; others go on with what is in memory.
      this.refresh().catch(() => {});
    }, GRANTS_POLL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #read(): Promise<void> {
    const askedAt = this.#now();
    for (const record of await this.#source.listChanged(this.#version)) {
      this.#version = record.version;
      this.#regions.set(record.bucket, record.region);
      if (record.deleteTime === undefined)
        this.#entries.set(record.name, { record, grants: new GrantTable(record.grants) });
      else this.#entries.delete(record.name);
    }
    this.#readAt = askedAt;
  }
}
