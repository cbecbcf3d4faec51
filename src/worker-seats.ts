import type { Worker } from "node:cluster";
import { OwnSeats, type SeatPool } from "./domain/seat-pool.ts";
import type { SupervisorChannel } from "./siblings.ts";

/** What workers and the process that supervises them say to one another of seats. */
type SeatMessage = { seats: "take"; id: number; count: number } | { seats: "give-back"; count: number };
type SeatAnswer = { seats: "taken"; id: number; count: number };

/** Lends seats to workers, and takes back those of a worker that has ended. */
export class SeatOffice {
  readonly #free: OwnSeats;

  /** `seatsMax`: seats of all workers together. */
  constructor(seatsMax: number) {
    this.#free = new OwnSeats(seatsMax);
  }

  /** From here on the worker may ask. */
  serve(worker: Pick<Worker, "on" | "once" | "send" | "isConnected">): void {
    let lent = 0;
    worker.on("message", (message: unknown) => {
      if (!isSeatMessage(message)) return;
      if (message.seats === "give-back") {
        lent -= message.count;
        this.#free.giveBack(message.count);
        return;
      }
      const count = this.#free.takeNow(message.count);
      lent += count;
      // One that is gone by now has ended, or will: then its seats come back.
      if (worker.isConnected()) worker.send({ seats: "taken", id: message.id, count } satisfies SeatAnswer);
    });
    worker.once("exit", () => {
      this.#free.giveBack(lent);
      lent = 0;
    });
  }
}

/** Most free seats that a worker keeps. */
const SPARE_MAX = 8;
/** What all workers together may keep, as a part of all seats: so few that nobody misses them. */
const SPARE_SHARE = 1 / 16;

/** A worker's end of the office: asks the process that supervises it. */
export class WorkerSeats implements SeatPool {
  readonly seatsMax: number;
  readonly spareMax: number;
  readonly #channel: SupervisorChannel;
  readonly #asked = new Map<number, (count: number) => void>();
  #id = 0;

  constructor(channel: SupervisorChannel, { seatsMax, workers }: { seatsMax: number; workers: number }) {
    this.seatsMax = seatsMax;
    this.spareMax = Math.min(SPARE_MAX, Math.floor((seatsMax * SPARE_SHARE) / workers));
    this.#channel = channel;
    channel.onMessage((message) => {
      if (!isSeatAnswer(message)) return;
      this.#asked.get(message.id)?.(message.count);
      this.#asked.delete(message.id);
    });
  }

  take(count: number): Promise<number> {
    const id = ++this.#id;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      this.#channel.send({ seats: "take", id, count } satisfies SeatMessage);
    });
  }

  giveBack(count: number): void {
    this.#channel.send({ seats: "give-back", count } satisfies SeatMessage);
  }
}

/** The channel of this process to the one that supervises it. Messages into a channel that is closed are dropped: the worker ends with it. */
export function channelOf(worker: Pick<NodeJS.Process, "send" | "on" | "connected">): SupervisorChannel {
  return {
    send: (message) => {
      if (worker.connected) worker.send?.(message);
    },
    onMessage: (listener) => worker.on("message", listener),
  };
}

function isSeatMessage(message: unknown): message is SeatMessage {
  return ["take", "give-back"].includes(seatsOf(message));
}

function isSeatAnswer(message: unknown): message is SeatAnswer {
  return seatsOf(message) === "taken";
}

function seatsOf(message: unknown): string {
  return String((message as { seats?: unknown } | null)?.seats);
}
