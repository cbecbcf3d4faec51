import { type Leave, WorkLimiter } from "../domain/limits/work-limiter.ts";

/** A stream that has sent no byte for so long that it loses its slot when all are taken. */
export interface SilentStream {
  caller: string;
  silentMs: number;
}

/** A process with streams that write. Neither method rejects. */
export interface SlotHolder {
  /** Its silent streams. Before this resolves, the process gives back the slots that it has taken and does not use. */
  listSilent(): Promise<readonly SilentStream[]>;
  /** Ends the longest silent stream of a caller, if there still is one; its slot is given back before this resolves. */
  endSilent(caller: string): Promise<void>;
}

/** Why a caller gets no slot: all slots are taken, or all of its share. */
export type SlotRefusal = "all" | "share";

/** The pool that a process takes its slots from: each stream that writes needs one. */
export interface SlotPool {
  /** How many slots there are, all processes together. */
  readonly slotsMax: number;
  /** How many slots the process may keep for callers whose streams have ended, so that it need not ask for each slot. */
  readonly spareMax: number;
  /** Takes a slot for a caller; resolves with the reason when there is none. Never rejects. */
  take(caller: string): Promise<SlotRefusal | undefined>;
  giveBack(caller: string): void;
  /** Names the process that is asked for silent streams when all slots are taken. Called once, before the other methods. */
  serve(holder: SlotHolder): void;
}

/** The slots that one process has taken. */
export interface SlotAccount {
  /** As those of SlotPool. */
  take: SlotPool["take"];
  giveBack: SlotPool["giveBack"];
  /** Gives all slots back, and those that are taken later as well. */
  close(): void;
}

/** After a search for silent streams has found too few, there is no other search for so long, in milliseconds: each asks all processes. */
const SEARCH_PAUSE_MS = 1000;

interface Holding {
  holder: SlotHolder;
  leaves: Map<string, Leave[]>;
  isClosed: boolean;
}

/**
 * The upload slots of all processes of a service. One caller may have all but an eighth of them. When all are taken, a caller
 * whose share allows one more gets that of a stream which has been silent for long: the longest silent stream of the caller
 * that has most slots and a silent stream.
 */
export class UploadSlots {
  readonly slotsMax: number;
  readonly #taken: WorkLimiter;
  readonly #now: () => number;
  readonly #holdings = new Set<Holding>();
  /** How many callers wait for the slot of a silent stream, and no search is under way for them. */
  #wanted = 0;
  #searching: Promise<void> | undefined;
  #pausesUntil = Number.NEGATIVE_INFINITY;

  /** `now` in milliseconds, for tests. */
  constructor(slotsMax: number, { now = () => performance.now() } = {}) {
    this.slotsMax = slotsMax;
    this.#taken = new WorkLimiter("streams that write", { runningMax: slotsMax, waitingMax: 0 });
    this.#now = now;
  }

  /** From here on the holder may take slots, and is asked for silent streams. */
  open(holder: SlotHolder): SlotAccount {
    const holding: Holding = { holder, leaves: new Map(), isClosed: false };
    this.#holdings.add(holding);
    return {
      take: (caller) => this.#take(holding, caller),
      giveBack: (caller) => {
        const leaves = holding.leaves.get(caller);
        leaves?.pop()?.();
        if (leaves?.length === 0) holding.leaves.delete(caller);
      },
      close: () => {
        holding.isClosed = true;
        this.#holdings.delete(holding);
        for (const leaves of holding.leaves.values()) for (const leave of leaves) leave();
        holding.leaves.clear();
      },
    };
  }

  async #take(holding: Holding, caller: string): Promise<SlotRefusal | undefined> {
    if (!this.#taken.allows(caller)) return "share";
    const leave = this.#taken.tryEnter(caller) ?? (await this.#takeSilent(caller));
    if (leave === undefined) return "all";
    if (holding.isClosed) leave();
    else {
      const leaves = holding.leaves.get(caller) ?? [];
      leaves.push(leave);
      holding.leaves.set(caller, leaves);
    }
    return undefined;
  }

  async #takeSilent(caller: string): Promise<Leave | undefined> {
    if (this.#now() < this.#pausesUntil) return undefined;
    this.#wanted++;
    this.#searching ??= this.#endSilent();
    await this.#searching;
    return this.#taken.tryEnter(caller);
  }

  /** Ends as many silent streams as there are callers who wait for a slot; one search at a time, for all of them. */
  async #endSilent(): Promise<void> {
    while (this.#wanted > 0) {
      const wanted = this.#wanted;
      this.#wanted = 0;
      const found = await Promise.all([...this.#holdings].map(listSilentOf));
      const lacking = wanted - (this.slotsMax - this.#taken.running);
      const chosen = chooseSilent(found.flat(), { count: lacking, slotsOf: (caller) => this.#taken.runningOf(caller) });
      await Promise.all(chosen.map(({ holder, caller }) => holder.endSilent(caller)));
      if (chosen.length >= lacking) continue;
      this.#pausesUntil = this.#now() + SEARCH_PAUSE_MS;
      this.#wanted = 0;
    }
    this.#searching = undefined;
  }
}

/** The slots of a process that shares them with none. */
export class OwnSlots implements SlotPool {
  readonly slotsMax: number;
  readonly spareMax = 0;
  readonly #slots: UploadSlots;
  #account: SlotAccount | undefined;

  constructor(slotsMax: number) {
    this.slotsMax = slotsMax;
    this.#slots = new UploadSlots(slotsMax);
  }

  serve(holder: SlotHolder): void {
    this.#account = this.#slots.open(holder);
  }

  async take(caller: string): Promise<SlotRefusal | undefined> {
    return await this.#account?.take(caller);
  }

  giveBack(caller: string): void {
    this.#account?.giveBack(caller);
  }
}

type HeldStream = SilentStream & { holder: SlotHolder };

async function listSilentOf({ holder }: Holding): Promise<HeldStream[]> {
  return (await holder.listSilent()).map((stream) => ({ ...stream, holder }));
}

/** The longest silent streams, each of the caller that has most slots by then. */
function chooseSilent(
  streams: readonly HeldStream[],
  { count, slotsOf }: { count: number; slotsOf: (caller: string) => number },
): HeldStream[] {
  const callers = Map.groupBy(
    [...streams].sort((a, b) => b.silentMs - a.silentMs),
    ({ caller }) => caller,
  );
  const slots = new Map([...callers.keys()].map((caller) => [caller, slotsOf(caller)]));
  const chosen: HeldStream[] = [];
  while (chosen.length < count) {
    const [most] = [...slots].reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0]);
    const stream = callers.get(most)?.shift();
    if (stream === undefined) break;
    chosen.push(stream);
    if (callers.get(most)?.length === 0) slots.delete(most);
    else slots.set(most, (slots.get(most) ?? 0) - 1);
  }
  return chosen;
}
