import type { TurnLimits } from "./call-turns.ts";
import type { ConnectionLimits } from "./connection-cap.ts";
import type { SessionLimits } from "./session-life.ts";

/** Limits of the listener. All are passed to Node explicitly. Connections over the bound are reset as they arrive. */
export interface ListenerLimits extends ConnectionLimits, SessionLimits, Omit<TurnLimits, "callsWaitingMax"> {
  /**
   * Time for a plaintext connection to show its protocol, for a TLS connection to shake hands, and for an HTTP/2 connection
   * to send its settings, in milliseconds. A connection that was told to go away gets the same time to go.
   */
  handshakeTimeoutMs: number;
  /** How long a connection of either protocol may stay without a call, in milliseconds. */
  idleTimeoutMs: number;
  /** Bytes that a caller may at first send ahead on one HTTP/2 stream. A distant caller needs more. */
  windowStartBytes: number;
  /** Bytes that this window may grow to when the distance needs it. */
  streamWindowBytes: number;
  /** Bytes that a caller may send ahead on all streams of a connection together; not less than the stream window. */
  sessionWindowBytes: number;
  /** Bytes that the windows of all connections together may grow beyond their start. */
  windowsGrownMaxBytes: number;
  /** HTTP/2 streams open at once on a connection, and HTTP/1.1 requests that wait on one. */
  streamsMax: number;
  /** Headers of one request, in bytes. */
  headersMaxBytes: number;
  /** Time for the headers of an HTTP/1.1 request, in milliseconds. */
  headersTimeoutMs: number;
  /**
   * Time for the body of an HTTP/1.1 request, in milliseconds. The body of a PUT may be a file and only must not stall; its
   * time counts from an answer that refuses it.
   */
  requestTimeoutMs: number;
}
