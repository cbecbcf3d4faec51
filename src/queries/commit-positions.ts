import { LRUCache } from "lru-cache";
import type { CommitMarks } from "../domain/commit-marks.ts";
import { type CommitPosition, laterPosition } from "../domain/commit-position.ts";
import type { Siblings } from "../domain/siblings.ts";

/** Callers whose last change is remembered, for each process; the one that changed something longest ago goes first. */
const CALLERS_MAX = 10_000;

/**
 * The commit positions of callers: whoever has changed something at this service reads it here from then on, also without stating
 * a position, and also from a read replica.
 */
export class CommitPositions {
  readonly #marks: Pick<CommitMarks, "draw">;
  readonly #siblings: Siblings | undefined;
  readonly #isTellingAwaited: boolean;
  readonly #furthest = new LRUCache<string, { position: CommitPosition }>({ max: CALLERS_MAX });
  #drawing: Promise<CommitPosition> | undefined;
  #next: Promise<CommitPosition> | undefined;

  /**
   * `siblings` are the other workers of this service; left out where there are none. Nobody waits until they know where every
   * read is of the newest state: without a read replica, only reads while the database is away depend on it.
   */
  constructor(
    marks: Pick<CommitMarks, "draw">,
    { siblings, isTellingAwaited = true }: { siblings?: Siblings | undefined; isTellingAwaited?: boolean } = {},
  ) {
    this.#marks = marks;
    this.#siblings = siblings;
    this.#isTellingAwaited = isTellingAwaited;
    siblings?.listen(({ principal, position }) => this.#note(principal, position));
  }

  /**
   * Resolves to a position behind all that was committed before the call, once all workers know that this caller is to see it,
   * or have been told, as the constructor says.
   * Calls that come while a mark is drawn share the next one. Rejects as `CommitMarks.draw` does.
   */
  async mark(principal: string): Promise<CommitPosition> {
    const position = await this.#drawAfterNow();
    this.#note(principal, position);
    const told = this.#siblings?.tell({ principal, position });
    if (this.#isTellingAwaited) await told;
    return position;
  }

  /** What an answer to this caller must have seen: the position that it states, or a later one of its own. */
  of(principal: string, stated: CommitPosition | undefined): CommitPosition | undefined {
    return laterPosition(stated, this.#furthest.get(principal)?.position);
  }

  #note(principal: string, position: CommitPosition): void {
    const furthest = laterPosition(position, this.#furthest.peek(principal)?.position) as CommitPosition;
    this.#furthest.set(principal, { position: furthest });
  }

  #drawAfterNow(): Promise<CommitPosition> {
    if (this.#next === undefined && this.#drawing === undefined) return this.#draw();
    this.#next ??= Promise.resolve(this.#drawing)
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#draw();
      });
    return this.#next;
  }

  #draw(): Promise<CommitPosition> {
    const drawing = this.#marks.draw().finally(() => {
      if (this.#drawing === drawing) this.#drawing = undefined;
    });
    this.#drawing = drawing;
    return drawing;
  }
}
