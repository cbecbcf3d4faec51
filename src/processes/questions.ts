/** Questions that one process asks another by messages, and their answers, by the number of each question. */
export class Questions<T> {
  readonly #open = new Map<number, (answer: T | undefined) => void>();
  #id = 0;

  /** Resolves with the answer; with undefined when there is none in time. */
  ask(send: (id: number) => void, { timeoutMs }: { timeoutMs?: number } = {}): Promise<T | undefined> {
    const id = ++this.#id;
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.settle(id, undefined), timeoutMs);
      this.#open.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      send(id);
    });
  }

  settle(id: number, answer: T | undefined): void {
    this.#open.get(id)?.(answer);
    this.#open.delete(id);
  }

  /** Nobody answers any more: every open question ends without an answer. */
  settleAll(): void {
    for (const id of [...this.#open.keys()]) this.settle(id, undefined);
  }
}
