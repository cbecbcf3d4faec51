/** Seats that several processes share: one is needed for each stream that writes. */
export interface SeatPool {
  /** Most that there are, all processes together. */
  readonly seatsMax: number;
  /** How many free ones a process may keep, so as not to ask for each. */
  readonly spareMax: number;
  /** Takes up to `count`; resolves with how many there were, 0 when all are taken. Never rejects. */
  take(count: number): Promise<number>;
  giveBack(count: number): void;
}

/** The seats of a process that shares them with none. */
export class OwnSeats implements SeatPool {
  readonly seatsMax: number;
  readonly spareMax = 0;
  #free: number;

  constructor(seatsMax: number) {
    this.seatsMax = seatsMax;
    this.#free = seatsMax;
  }

  async take(count: number): Promise<number> {
    return this.takeNow(count);
  }

  /** As `take`, at once. */
  takeNow(count: number): number {
    const taken = Math.min(count, this.#free);
    this.#free -= taken;
    return taken;
  }

  giveBack(count: number): void {
    this.#free += count;
  }
}
