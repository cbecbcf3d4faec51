import { formatCommitPosition, parseCommitPosition } from "../domain/commit-position.ts";
import type { CallerPosition, Siblings } from "../domain/siblings.ts";

/** How long a worker waits until the others know of its change, in milliseconds. */
const HEARD_WAIT_MAX_MS = 200;
/** Messages on their way to one worker. Further messages are not sent, and nobody waits for them. */
const UNHEARD_MAX = 1000;

/** A worker tells the supervisor that a caller of it has changed something. */
interface Changed {
  kind: "sluice-changed";
  number: number;
  principal: string;
  position: string;
}

/** The same message on its way to another worker, which answers with `Heard`. */
type Relayed = Changed & { from: number };

/** The worker knows. Without `from`, all do: the supervisor tells the worker that made the change. */
interface Heard {
  kind: "sluice-heard";
  number: number;
  from?: number;
}

/** A worker's channel to its supervisor. */
export interface SupervisorChannel {
  /** Sends a message. When the channel has closed, the message is dropped: the worker ends with the channel. */
  send(message: object): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** Joins a worker to its siblings through the process that supervises all of them. */
export function joinSiblings(channel: SupervisorChannel): Siblings {
  const waiting = new Map<number, () => void>();
  let last = 0;
  let hear: (change: CallerPosition) => void = () => {};
  channel.onMessage((message) => {
    if (isChanged(message)) {
      const { number, from, position, principal } = message as Relayed;
      hear({ principal, position: parseCommitPosition(position) });
      channel.send({ kind: "sluice-heard", number, from } satisfies Heard);
    } else if (isHeard(message)) waiting.get(message.number)?.();
  });
  return {
    tell: ({ principal, position }) =>
      new Promise((resolve) => {
        const number = ++last;
        const end = () => {
          clearTimeout(timer);
          waiting.delete(number);
          resolve();
        };
        const timer = setTimeout(end, HEARD_WAIT_MAX_MS);
        waiting.set(number, end);
        const told = { principal, position: formatCommitPosition(position) };
        channel.send({ kind: "sluice-changed", number, ...told } satisfies Changed);
      }),
    listen: (listener) => {
      hear = listener;
    },
  };
}

/** A worker in the form that its supervisor knows. */
export interface RelayedWorker {
  id: number;
  isConnected(): boolean;
  send(message: object): unknown;
}

/**
 * The supervisor's side: it carries the messages of each worker to the others, and tells the worker when they have received
 * them. A worker that has not answered within the time that others wait gets no more messages until it answers.
 */
export class SiblingRelay {
  readonly #workers: () => Iterable<RelayedWorker>;
  readonly #now: () => number;
  /** The messages that each worker has not answered yet, the oldest first, with the time of each. */
  readonly #unheard = new Map<number, Map<string, number>>();

  /** `now` gives milliseconds; tests inject it. */
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

  /** Removes a worker that has ended: nobody waits for it any more. */
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
