import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

/** How long an HTTP/2 connection may live without calls. */
export interface SessionLimits {
  /** How long it may take to send its settings, and, once told to go away, to go, in milliseconds. */
  handshakeTimeoutMs: number;
  /** How long it may have no stream open, in milliseconds. */
  idleTimeoutMs: number;
}

/**
 * Ends an HTTP/2 connection that has nothing to do. One that does not send its settings, which every connection begins with,
 * is cut. One that has had no stream for long is told so by GOAWAY, which names the last call that was served: a client may
 * send any later one again. Whoever does not go then is cut. A connection with an open stream is never ended, however quiet
 * the stream is; PING and other frames outside of streams do not count as work.
 */
export class SessionLife {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #limits: SessionLimits;
  #streams = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: ServerHttp2Session, limits: SessionLimits) {
    this.#session = session;
    this.#limits = limits;
    // `session.socket` refuses to be cut; what its methods return is the socket itself.
    this.#socket = session.socket.once("close", () => clearTimeout(this.#timer)) as Socket;
    this.#wait(limits.handshakeTimeoutMs, () => this.#socket.destroy());
    session.once("remoteSettings", () => this.#wait(limits.idleTimeoutMs, () => this.#end()));
  }

  /** A stream of the connection has opened; `streamClosed` follows. */
  streamOpened(): void {
    this.#streams++;
  }

  streamClosed(): void {
    this.#streams--;
    // Also where it has fired while a stream was open: it waits again then.
    if (this.#streams === 0) this.#timer?.refresh();
  }

  #wait(timeoutMs: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#streams === 0) then();
    }, timeoutMs);
    this.#timer.unref();
  }

  #end(): void {
    // Node ends its own half and waits for the caller's, which may never come.
    this.#wait(this.#limits.handshakeTimeoutMs, () => this.#socket.destroy());
    this.#session.close();
  }
}
