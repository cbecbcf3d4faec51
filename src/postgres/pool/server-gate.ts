import type { Interceptor } from "slonik";
import { STEADY_LIMITS } from "../../domain/limits/steady-health.ts";
import { BorderCall } from "./border-call.ts";

/**
 * Keeps statements from a server that does not answer. When the gate closes, it gives up the calls whose statements are under way.
 * While it is closed, the server gets one question at a time, and nobody's retries. Each statement that comes then waits for the
 * answer to a question that was asked after it came, and is refused when there is none; so the gate opens with the first call after
 * the server is back. A statement that is answered says as much as a question: a server that is only slow is not away.
 */
export class ServerGate {
  readonly #ask: () => Promise<unknown>;
  readonly #waiting = new Set<(error: unknown) => void>();
  /** The calls that wait for the answers to statements, by the ids of these. */
  readonly #calls = new Map<string, BorderCall>();
  #checking: Promise<void> | undefined;
  #answers = 0;
  #failures = 0;

  /** `ask` is to reject within a bounded time with the error that statements are refused with. */
  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask;
  }

  /** For the pools of the server whose statements are to be kept. */
  readonly interceptor: Interceptor = {
    name: "server-gate",
    beforePoolConnection: async () => {
      if (!this.isClosed) return null;
      // A question that is under way may have been asked before the server was back.
      await this.#checking?.catch(() => {});
      if (this.isClosed) await this.check();
      return null;
    },
    beforeQueryExecution: ({ queryId }) => {
      const call = BorderCall.current;
      if (call !== undefined) this.#calls.set(queryId, call);
      return null;
    },
    afterQueryExecution: ({ queryId }) => {
      this.#calls.delete(queryId);
      this.#noteAnswer();
      return null;
    },
    queryExecutionError: ({ queryId }) => {
      this.#calls.delete(queryId);
      return null;
    },
  };

  get isClosed(): boolean {
    return this.#failures >= STEADY_LIMITS.awayAfterChecks;
  }

  /** Asks the server, with all who want to know at the time. Rejects as `ask` does, unless the server has answered anything else meanwhile. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** The same work, given up when the gate closes, with the error of the question that closes it. */
  async whileOpen<T>(work: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.add(reject);
    work.then(resolve, reject);
    return await promise.finally(() => this.#waiting.delete(reject));
  }

  async #check(): Promise<void> {
    const before = this.#answers;
    try {
      await this.#ask();
      this.#noteAnswer();
    } catch (error) {
      if (this.#answers > before) return;
      this.#failures++;
      if (this.isClosed) this.#giveUp(error as Error);
      throw error;
    }
  }

  #giveUp(error: Error): void {
    for (const call of new Set(this.#calls.values())) call.giveUp(error);
    for (const giveUp of [...this.#waiting]) giveUp(error);
  }

  #noteAnswer(): void {
    this.#answers++;
    this.#failures = 0;
  }
}
