import type { CommitPosition } from "../domain/commit-position.ts";
import type { FileChangeFeed, FileChanges } from "../domain/files/file-changes.ts";
import type { Siblings } from "../domain/files/siblings.ts";
import type { FileCache } from "../queries/file-cache.ts";

/**
 * The result of a poll: a commit position behind its changes, and a promise that the siblings know of these changes and of
 * all before.
 */
interface Polled {
  position: CommitPosition;
  told: Promise<unknown>;
}

/**
 * Keeps a cache of files from showing old files: it polls the feed at intervals, and after each command of this process,
 * whose changes it tells the siblings at once. NOTIFY is not used: it makes all commits of a database wait for one another.
 */
export class FileChangeFollower {
  readonly #feed: FileChangeFeed;
  readonly #cache: Pick<FileCache, "evict" | "clear">;
  readonly #siblings: Siblings | undefined;
  #running: Promise<Polled> | undefined;
  #next: Promise<Polled> | undefined;
  #told: Promise<unknown> = Promise.resolve();

  constructor(feed: FileChangeFeed, cache: Pick<FileCache, "evict" | "clear">, siblings?: Siblings) {
    this.#feed = feed;
    this.#cache = cache;
    this.#siblings = siblings;
    siblings?.listen((changes) => this.#forget(changes));
  }

  /**
   * Resolves when every file that was changed before the call is forgotten, here and by the siblings; the result is a
   * commit position behind those changes. Calls that come during a poll share the next one. Rejects with the feed's error;
   * everything is forgotten here then.
   */
  async catchUp(): Promise<CommitPosition> {
    const { position, told } = await this.#pollAfterNow();
    await told;
    return position;
  }

  #pollAfterNow(): Promise<Polled> {
    if (this.#next === undefined && this.#running === undefined) return this.#start();
    this.#next ??= Promise.resolve(this.#running)
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<Polled> {
    const running = this.#poll().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  /** The next poll does not wait for the siblings, but its callers do, also for the changes that earlier polls have found. */
  async #poll(): Promise<Polled> {
    try {
      const changes = await this.#feed.poll();
      this.#forget(changes);
      const isChange = changes.paths === undefined || changes.paths.length > 0;
      if (isChange) this.#told = Promise.all([this.#told, this.#siblings?.tell(changes)]);
      return { position: changes.position, told: this.#told };
    } catch (error) {
      this.#cache.clear();
      throw error;
    }
  }

  #forget({ paths, position }: FileChanges): void {
    if (paths === undefined) this.#cache.clear(position);
    else this.#cache.evict(paths, position);
  }
}
