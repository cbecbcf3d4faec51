/** The upload that an item waits for. */
export interface Turn {
  namespace: string;
  /** The same for all items that share a turn: the lanes and parts of an upload. */
  uploadId: string;
}

/** All items of one upload, in the order they came: a Set, because an item that is given up may be anywhere in it. */
interface Line<T> extends Turn {
  items: Set<T>;
}

/** Lines by namespace; the first line of the first namespace is next. */
type Round<T> = Map<string, Set<Line<T>>>;

/**
 * A queue whose items take turns by upload. In each round every upload has one turn, however many items of it wait; an upload
 * that comes back within a round waits for the next round. Within a round turns alternate among the namespaces, so that a
 * namespace with a hundred uploads does not stand a hundred places before the single upload of another. Items of one upload
 * are served in the order they came.
 */
export class FairQueue<T> {
  readonly #lines = new Map<string, Line<T>>();
  /** Lines whose turn of this round is still to come. */
  #due: Round<T> = new Map();
  /** Lines whose turn comes in the next round. */
  #later: Round<T> = new Map();
  /** Uploads that have had their turn of this round. */
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

  /** The item that `shift` would take. */
  peek(): T | undefined {
    return this.#next()?.items.values().next().value;
  }

  /** Takes the next item, which ends the turn of its upload. */
  shift(): T | undefined {
    const line = this.#next();
    if (line === undefined) return undefined;
    const item = line.items.values().next().value as T;
    line.items.delete(item);
    leave(this.#due, line);
    // The namespace goes to the end of the round.
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

  /** Removes an item that does not wait any more. Its upload keeps its turn. */
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
    // While nothing waits, no turns are counted.
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
