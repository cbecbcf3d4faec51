/** On whose behalf somebody waits. */
export interface Turn {
  namespace: string;
  /** Shared by all that must not get more turns than one: the lanes and parts of an upload. */
  uploadId: string;
}

/** All that waits for one upload, in the order it came: a Set, because those that give up leave from anywhere. */
interface Line<T> extends Turn {
  items: Set<T>;
}

/** Lines by namespace; the first line of the first namespace is next. */
type Round<T> = Map<string, Set<Line<T>>>;

/**
 * Who is next. In each round every upload has one turn, however much of it waits; an upload that comes back within a round
 * waits for the next one. Within a round turns alternate among the namespaces, so that one with a hundred uploads does not
 * stand a hundred places before another's single one. Within an upload: first come, first served.
 */
export class FairQueue<T> {
  readonly #lines = new Map<string, Line<T>>();
  /** Lines whose turn of this round is still to come. */
  #due: Round<T> = new Map();
  /** Lines that wait for the next round. */
  #later: Round<T> = new Map();
  /** Uploads that have had their turn of this round: who is among them comes later. */
  #served = new Set<string>();

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  push(turn: Turn, item: T): void {
    const { namespace, uploadId } = turn;
    const line = this.#lines.get(uploadId);
    if (line !== undefined) {
      line.items.add(item);
      return;
    }
    const opened = { namespace, uploadId, items: new Set([item]) };
    this.#lines.set(uploadId, opened);
    join(this.#served.has(uploadId) ? this.#later : this.#due, opened);
  }

  /** What `shift` would take. */
  peek(): T | undefined {
    return this.#next()?.items.values().next().value;
  }

  /** Takes what is next, which ends its upload's turn. */
  shift(): T | undefined {
    const line = this.#next();
    if (line === undefined) return undefined;
    const item = line.items.values().next().value as T;
    line.items.delete(item);
    leave(this.#due, line);
    // The namespace stands at the end of the round now.
    const rest = this.#due.get(line.namespace);
    if (rest !== undefined) {
      this.#due.delete(line.namespace);
      this.#due.set(line.namespace, rest);
    }
    this.#served.add(line.uploadId);
    if (line.items.size > 0) join(this.#later, line);
    else this.#close(line);
    return item;
  }

  /** Takes something out that does not wait any more; it costs its upload no turn. */
  remove({ uploadId }: Turn, item: T): void {
    const line = this.#lines.get(uploadId);
    if (line === undefined || !line.items.delete(item) || line.items.size > 0) return;
    leave(this.#due, line);
    leave(this.#later, line);
    this.#close(line);
  }

  #next(): Line<T> | undefined {
    if (this.#due.size === 0) {
      this.#due = this.#later;
      this.#later = new Map();
      this.#served.clear();
    }
    for (const lines of this.#due.values()) return lines.values().next().value;
    return undefined;
  }

  #close(line: Line<T>): void {
    this.#lines.delete(line.uploadId);
    // Where nobody waits there are no turns to keep account of.
    if (this.#lines.size === 0) this.#served.clear();
  }
}

function join<T>(round: Round<T>, line: Line<T>): void {
  const lines = round.get(line.namespace);
  if (lines === undefined) round.set(line.namespace, new Set([line]));
  else lines.add(line);
}

function leave<T>(round: Round<T>, line: Line<T>): void {
  const lines = round.get(line.namespace);
  if (lines?.delete(line) && lines.size === 0) round.delete(line.namespace);
}
