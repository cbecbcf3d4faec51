import type { FileChangeFeed } from "../domain/file-changes.ts";
import type { Position } from "../domain/position.ts";
import type { FileCache } from "../queries/file-cache.ts";

/**
 * Keeps a cache of files from showing what has changed: by a look at the feed every so often, and after each command of this
 * process. NOTIFY is not used: it makes all commits of a database wait for one another.
 */
export class FileChangeFollower {
  readonly #feed: FileChangeFeed;
  readonly #cache: Pick<FileCache, "evict" | "clear">;
  #running: Promise<Position> | undefined;
  #next: Promise<Position> | undefined;

  constructor(feed: FileChangeFeed, cache: Pick<FileCache, "evict" | "clear">) {
    this.#feed = feed;
    this.#cache = cache;
  }

  /**
   * Resolves when all that was committed before the call is forgotten, to a position behind it. Calls that come during a look
   * share the next. Rejects with the feed's error; all is forgotten then.
   */
  async catchUp(): Promise<Position> {
    if (this.#next === undefined && this.#running === undefined) return await this.#start();
    this.#next ??= Promise.resolve(this.#running)
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return await this.#next;
  }

  #start(): Promise<Position> {
    const running = this.#look().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #look(): Promise<Position> {
    try {
      const { paths, position } = await this.#feed.look();
      if (paths === undefined) this.#cache.clear(position);
      else this.#cache.evict(paths, position);
      return position;
    } catch (error) {
      this.#cache.clear();
      throw error;
    }
  }
}
