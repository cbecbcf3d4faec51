import { formatCommitPosition, parseCommitPosition } from "../domain/commit-position.ts";
import type { FileChanges } from "../domain/files/file-changes.ts";
import type { Siblings } from "../domain/files/siblings.ts";

/** How long a worker waits for the others to have heard of its changes, in milliseconds: by then their own look tells them. */
const HEARD_WAIT_MAX_MS = 200;
/** More paths in one message are told as "all": to forget them is cheaper than to carry them. */
const PATHS_MAX = 1000;
/** Messages on their way to one worker; more wait for nobody and are not sent. */
const UNHEARD_MAX = 1000;

/** A worker has changed files, as it tells the supervisor. */
interface Changed {
  kind: "sluice-changed";
  number: number;
  position: string;
  /** Left out where it may be all. */
  paths?: FileChanges["paths"];
}

/** The same on its way to another, which answers `Heard`. */
type Relayed = Changed & { from: number };

/** The worker has forgotten; the supervisor says it to whoever told, without `from`, once all have. */
interface Heard {
  kind: "sluice-heard";
  number: number;
  from?: number;
}

/** A worker's channel to its supervisor. */
export interface SupervisorChannel {
  /** Dropped where the channel has closed: the worker ends with it. */
  send(message: object): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** Joins a worker to its siblings, by way of the process that supervises all. */
export function joinSiblings(channel: SupervisorChannel): Siblings {
  const waiting = new Map<number, () => void>();
  let last = 0;
  let forget: (changes: FileChanges) => void = () => {};
  channel.onMessage((message) => {
    if (isChanged(message)) {
      const { number, from, position, paths } = message as Relayed;
      forget({ paths, position: parseCommitPosition(position) });
      channel.send({ kind: "sluice-heard", number, from } satisfies Heard);
    } else if (isHeard(message)) waiting.get(message.number)?.();
  });
  return {
    tell: ({ paths, position }) =>
      new Promise((resolve) => {
        const number = ++last;
        const end = () => {
          clearTimeout(timer);
          waiting.delete(number);
          resolve();
        };
        const timer = setTimeout(end, HEARD_WAIT_MAX_MS);
        waiting.set(number, end);
        const isAll = paths === undefined || paths.length > PATHS_MAX;
        const told = { position: formatCommitPosition(position), ...(!isAll && { paths }) };
        channel.send({ kind: "sluice-changed", number, ...told } satisfies Changed);
      }),
    listen: (listener) => {
      forget = listener;
    },
  };
}

/** One worker, as its supervisor has it. */
export interface RelayedWorker {
  id: number;
  isConnected(): boolean;
  send(message: object): unknown;
}

/**
 * The supervisor's side: carries what each worker tells to the others, and tells it when they have heard. One that has not
 * answered for as long as anybody waits is passed over until it does; what it has missed its own look at the feed tells it.
 */
export class SiblingRelay {
  readonly #workers: () => Iterable<RelayedWorker>;
  readonly #now: () => number;
  /** Of each worker, what it has not heard yet, the oldest first, and since when. */
  readonly #unheard = new Map<number, Map<string, number>>();

  /** `now`, in milliseconds, for tests. */
  constructor(workers: () => Iterable<RelayedWorker>, { now = () => performance.now() } = {}) {
    this.#workers = workers;
    this.#now = now;
  }

  take(worker: RelayedWorker, message: unknown): void {
    if (isChanged(message)) {
      const relayed: Relayed = { ...message, from: worker.id };
      for (const other of this.#workers()) {
        if (other.id === worker.id || !this.#isListening(other)) continue;
        this.#unheardBy(other.id).set(toKey(relayed), this.#now());
        other.send(relayed);
      }
      this.#answerOnceHeard(worker.id, message.number);
    } else if (isHeard(message) && message.from !== undefined) {
      const { from, number } = message;
      this.#unheard.get(worker.id)?.delete(toKey({ from, number }));
      this.#answerOnceHeard(from, number);
    }
  }

  /** Nobody waits for a worker that has ended. */
  remove({ id }: Pick<RelayedWorker, "id">): void {
    const keys = [...(this.#unheard.get(id)?.keys() ?? [])];
    this.#unheard.delete(id);
    for (const key of keys) {
      const [from, number] = key.split("/").map(Number);
      this.#answerOnceHeard(from as number, number as number);
    }
  }

  #isListening(worker: RelayedWorker): boolean {
    const unheard = this.#unheardBy(worker.id);
    const [oldest = this.#now()] = unheard.values();
    return worker.isConnected() && unheard.size < UNHEARD_MAX && this.#now() - oldest < HEARD_WAIT_MAX_MS;
  }

  #answerOnceHeard(from: number, number: number): void {
    for (const unheard of this.#unheard.values()) if (unheard.has(toKey({ from, number }))) return;
    for (const worker of this.#workers()) {
      if (worker.id === from && worker.isConnected()) {
        worker.send({ kind: "sluice-heard", number } satisfies Heard);
      }
    }
  }

  #unheardBy(id: number): Map<string, number> {
    const unheard = this.#unheard.get(id) ?? new Map<string, number>();
    this.#unheard.set(id, unheard);
    return unheard;
  }
}

function toKey({ from, number }: { from: number; number: number }): string {
  return `${from}/${number}`;
}

function isChanged(message: unknown): message is Changed {
  return (message as Changed | null)?.kind === "sluice-changed";
}

function isHeard(message: unknown): message is Heard {
  return (message as Heard | null)?.kind === "sluice-heard";
}
