import type { Http2Session, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

/** How long an HTTP/2 connection may live without calls. */
export interface SessionLimits {
  /** Time for a connection to send its settings, and to go once it was told to go away, in milliseconds. */
  handshakeTimeoutMs: number;
  /** How long a connection may have no open stream, in milliseconds. */
  idleTimeoutMs: number;
}

/**
 * Ends an HTTP/2 connection that has nothing to do. Every connection begins with its settings; one that does not send them is
 * cut. A connection that has had no stream for long is told so by GOAWAY, which names the last call that was served: a client
 * may send any later call again. If the client does not go then, the connection is cut. A connection with an open stream is
 * never ended, however quiet the stream is. PING and other frames outside of streams do not count as work.
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
    this.#socket = socketOf(session).once("close", () => clearTimeout(this.#timer));
    this.#wait(limits.handshakeTimeoutMs, () => this.#socket.destroy());
    session.once("remoteSettings", () => this.#wait(limits.idleTimeoutMs, () => this.#end()));
  }

  /** A stream of the connection has opened; `streamClosed` follows. */
  streamOpened(): void {
    this.#streams++;
  }

  streamClosed(): void {
    this.#streams--;
    // The timer may have fired while a stream was open; it then waits again from here.
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
    // Node ends its own half and waits for the caller's end, which may never come.
    this.#wait(this.#limits.handshakeTimeoutMs, () => this.#socket.destroy());
    this.#session.close();
  }
}

/** The socket of a connection. `session.socket` is a proxy that refuses to be cut; its methods return the socket itself. */
export function socketOf(session: Http2Session): Socket {
  return session.socket.setMaxListeners(session.socket.getMaxListeners()) as Socket;
}
