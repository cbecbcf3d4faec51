import type { Worker } from "node:cluster";
import type { SilentStream, SlotHolder, SlotPool, SlotRefusal, UploadSlots } from "../transfer/upload-slots.ts";
import { Questions } from "./questions.ts";
import type { SupervisorChannel } from "./siblings.ts";

/** A message from a worker to the process that supervises it. */
type WorkerMessage =
  | { slots: "take"; id: number; caller: string }
  | { slots: "give-back"; caller: string }
  | { slots: "answer"; id: number; answer: readonly SilentStream[] };

/** A message from the supervisor to a worker. */
type SupervisorMessage =
  | { slots: "answer"; id: number; answer: SlotRefusal | undefined }
  | { slots: "list-silent"; id: number }
  | { slots: "end-silent"; id: number; caller: string };

/** A worker that has not named its silent streams by then, in milliseconds, counts as having none. */
const ANSWER_WAIT_MS = 500;

/** Lends slots to a worker, and takes them back when it has ended. */
export function lendSlots(slots: UploadSlots, worker: Pick<Worker, "on" | "once" | "send" | "isConnected">): void {
  const questions = new Questions<readonly SilentStream[]>();
  const send = (message: SupervisorMessage) => {
    // A worker that is not connected has ended or will soon end: then its slots come back.
    if (worker.isConnected()) worker.send(message);
  };
  const account = slots.open({
    listSilent: async () =>
      (await questions.ask((id) => send({ slots: "list-silent", id }), { timeoutMs: ANSWER_WAIT_MS })) ?? [],
    endSilent: async (caller) => {
      await questions.ask((id) => send({ slots: "end-silent", id, caller }), { timeoutMs: ANSWER_WAIT_MS });
    },
  });
  worker.on("message", (message: unknown) => {
    if (!isSlotMessage<WorkerMessage>(message)) return;
    if (message.slots === "take") {
      const { id, caller } = message;
      void account.take(caller).then((answer) => send({ slots: "answer", id, answer }));
    } else if (message.slots === "give-back") account.giveBack(message.caller);
    else if (message.slots === "answer") questions.settle(message.id, message.answer);
  });
  worker.once("exit", () => {
    account.close();
    questions.settleAll();
  });
}

/** Most free slots that a worker keeps. */
const SPARE_MAX = 8;
/** The share of all slots that all workers together may keep free: a caller that has many slots loses little of its share. */
const SPARE_SHARE = 1 / 16;

/** The slots in the form that a worker has: it asks its supervisor for them. */
export class WorkerSlots implements SlotPool {
  readonly slotsMax: number;
  readonly spareMax: number;
  readonly #channel: SupervisorChannel;
  readonly #questions = new Questions<SlotRefusal>();

  constructor(channel: SupervisorChannel, { slotsMax, workers }: { slotsMax: number; workers: number }) {
    this.slotsMax = slotsMax;
    this.spareMax = Math.min(SPARE_MAX, Math.floor((slotsMax * SPARE_SHARE) / workers));
    this.#channel = channel;
    channel.onMessage((message) => {
      if (isSlotMessage<SupervisorMessage>(message) && message.slots === "answer") {
        this.#questions.settle(message.id, message.answer);
      }
    });
  }

  serve(holder: SlotHolder): void {
    const answer = async (id: number, silent: Promise<readonly SilentStream[]>) =>
      this.#send({ slots: "answer", id, answer: await silent });
    this.#channel.onMessage((message) => {
      if (!isSlotMessage<SupervisorMessage>(message)) return;
      const { id } = message;
      if (message.slots === "list-silent") void answer(id, holder.listSilent());
      else if (message.slots === "end-silent")
        void answer(
          id,
          holder.endSilent(message.caller).then(() => []),
        );
    });
  }

  take(caller: string): Promise<SlotRefusal | undefined> {
    return this.#questions.ask((id) => this.#send({ slots: "take", id, caller }));
  }

  giveBack(caller: string): void {
    this.#send({ slots: "give-back", caller });
  }

  #send(message: WorkerMessage): void {
    this.#channel.send(message);
  }
}

/** The channel of this process to its supervisor. Messages into a closed channel are dropped: the worker ends with it. */
export function channelOf(worker: Pick<NodeJS.Process, "send" | "on" | "connected">): SupervisorChannel {
  return {
    send: (message) => {
      if (worker.connected) worker.send?.(message);
    },
    onMessage: (listener) => worker.on("message", listener),
  };
}

function isSlotMessage<Message>(message: unknown): message is Message {
  return typeof (message as { slots?: unknown } | null)?.slots === "string";
}
