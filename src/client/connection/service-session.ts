import type { SecureClientSessionOptions } from "node:http2";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { SluiceError } from "../sluice-error.ts";

/** A silent connection gets a PING after this many milliseconds, and is given up when no answer comes in as many more. */
const PING_INTERVAL_MS = 20_000;
const PING_TIMEOUT_MS = 20_000;

/** Longest time to connect, including TLS, in milliseconds. TCP alone would wait two minutes for a machine that is gone. */
const CONNECT_TIMEOUT_MS = 10_000;

/** HTTP/2 window of each stream for answers, in bytes. With Node's 64 KiB each answer would wait for round trips. */
const WINDOW_BYTES = 4 * 2 ** 20;

/**
 * Memory that Node may use for one connection, in MB. With its default of 10, three uploads that wait for the service would
 * make it reset other calls on the connection.
 */
const SESSION_MEMORY_MAX_MB = 1024;

/** Options for making and watching connections. */
export interface SessionOptions {
  tls?: Pick<SecureClientSessionOptions, "ca" | "cert" | "key" | "servername"> | undefined;
  pingIntervalMs?: number | undefined;
  pingTimeoutMs?: number | undefined;
  connectTimeoutMs?: number | undefined;
}

/**
 * One HTTP/2 connection to an address. It is made at the first request and again after a cut. When no connection comes about
 * in time, the requests that wait for it are rejected with `unavailable / CONNECTION_LOST`.
 */
export class ServiceSession extends Http2SessionManager {
  readonly #connectTimeoutMs: number;
  readonly #closed: AbortSignal;

  /** Once `closed` is aborted, requests are rejected with its reason. */
  constructor(url: URL, options: SessionOptions, closed: AbortSignal) {
    const { tls, pingIntervalMs = PING_INTERVAL_MS, pingTimeoutMs = PING_TIMEOUT_MS } = options;
    const settings = { initialWindowSize: WINDOW_BYTES, enablePush: false };
    super(url, { pingIntervalMs, pingTimeoutMs }, { ...tls, maxSessionMemory: SESSION_MEMORY_MAX_MB, settings });
    this.#closed = closed;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  }

  override async request(...request: Parameters<Http2SessionManager["request"]>) {
    this.#closed.throwIfAborted();
    const timer = setTimeout(() => this.#giveUpConnecting(), this.#connectTimeoutMs);
    try {
      return await super.request(...request);
    } finally {
      clearTimeout(timer);
    }
  }

  #giveUpConnecting(): void {
    if (this.state() !== "connecting") return;
    const message = `no connection to the server within ${this.#connectTimeoutMs / 1000} s`;
    this.abort(new SluiceError("unavailable", message, { reason: "CONNECTION_LOST" }));
  }
}
