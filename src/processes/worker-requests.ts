import type { Worker } from "node:cluster";
import type { Loan, RequestLender, RequestRate } from "../domain/limits/request-lender.ts";
import { Questions } from "./questions.ts";
import type { SupervisorChannel } from "./siblings.ts";

/** A message from a worker to the process that supervises it. */
type WorkerMessage =
  | { requests: "lend"; id: number; rate: RequestRate; countMax: number }
  | { requests: "give-back"; rate: RequestRate; count: number };

/** A message from the supervisor to a worker. */
type SupervisorMessage = { requests: "lent"; id: number; loan: Loan };

/** Lends requests to a worker. What a worker had when it ended counts as used, which passes within a second. */
export function lendRequests(lender: RequestLender, worker: Pick<Worker, "on" | "send" | "isConnected">): void {
  worker.on("message", async (message: unknown) => {
    if (!isRequestMessage<WorkerMessage>(message)) return;
    if (message.requests === "give-back") return lender.giveBack(message.rate, message.count);
    const { id, rate, countMax } = message;
    const loan = await lender.lend(rate, countMax);
    if (worker.isConnected()) worker.send({ requests: "lent", id, loan } satisfies SupervisorMessage);
  });
}

/**
 * Questions that a worker asks each second about one quota that is used up evenly. The batch is that part of the worker's share:
 * all workers together keep at most this part of a second's requests while none comes.
 */
const QUESTIONS_PER_SECOND = 20;
/** A supervisor that has not answered by then, in milliseconds, lets the request pass: it is better answered than lost. */
const ANSWER_WAIT_MS = 500;

/** The requests of a worker: it borrows them from its supervisor, by one message for a batch. */
export class WorkerRequests implements RequestLender {
  readonly #channel: SupervisorChannel;
  readonly #workers: number;
  readonly #questions = new Questions<Loan>();

  constructor(channel: SupervisorChannel, { workers }: { workers: number }) {
    this.#channel = channel;
    this.#workers = workers;
    channel.onMessage((message) => {
      if (isRequestMessage<SupervisorMessage>(message)) this.#questions.settle(message.id, message.loan);
    });
  }

  batchOf(perSecond: number): number {
    return Math.max(1, Math.floor(perSecond / this.#workers / QUESTIONS_PER_SECOND));
  }

  async lend(rate: RequestRate, countMax: number): Promise<Loan> {
    const send = (id: number) => this.#send({ requests: "lend", id, rate, countMax });
    return (await this.#questions.ask(send, { timeoutMs: ANSWER_WAIT_MS })) ?? { count: countMax, waitMs: 0 };
  }

  giveBack(rate: RequestRate, count: number): void {
    this.#send({ requests: "give-back", rate, count });
  }

  #send(message: WorkerMessage): void {
    this.#channel.send(message);
  }
}

function isRequestMessage<Message>(message: unknown): message is Message {
  return typeof (message as { requests?: unknown } | null)?.requests === "string";
}
