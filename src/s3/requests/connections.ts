import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { setImmediate as immediate } from "node:timers/promises";
import { S3EarlySuccessError } from "../errors.ts";
import { createRequestSlots, type RequestSlots, type RequestsMax } from "./request-slots.ts";
import { StorageClock } from "./storage-clock.ts";
import type { StreamedBody } from "./streamed-body.ts";

/** Limits of the connections to S3. */
export interface ConnectionLimits {
  /** Requests under way at once in a process. Each has a connection of its own, so none waits for one. */
  requestsMax: RequestsMax;
  /** Longest wait for a connection, in milliseconds. */
  connectTimeoutMs: number;
  /** Longest silence of a socket with a request on it, in milliseconds. */
  socketTimeoutMs: number;
  /** Least version of TLS that an https endpoint must have. Its certificate is verified in either case. */
  tlsMin: "TLSv1.2" | "TLSv1.3";
}

/** A signed request without its body. */
export interface PushedRequest {
  /** "http:" or "https:" */
  protocol: string;
  hostname: string;
  port: number | undefined;
  method: string;
  /** Path with query, escaped as it was signed. */
  path: string;
  headers: Readonly<Record<string, string>>;
}

/**
 * Sockets for requests that do not go to S3: those for the read role's credentials. A client of their own would double the
 * connections that are kept alive.
 */
const SPARE_SOCKETS = 2;

/** Turns of the event loop for which a socket may be late to tell that its bytes have left. */
const LATE_TURNS_MAX = 2;

/** The kept-alive connections to S3. The SDK's requests share them with requests whose bodies are pushed. */
export class Connections {
  readonly limits: ConnectionLimits;
  readonly slots: RequestSlots;
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
  /** The clock of the S3 server that these connections lead to. */
  readonly clock = new StorageClock();

  constructor(limits: ConnectionLimits) {
    this.limits = limits;
    this.slots = createRequestSlots(limits.requestsMax);
    const socketsMax = Object.values(limits.requestsMax).reduce((sum, max) => sum + max, SPARE_SOCKETS);
    const agent = { keepAlive: true, maxSockets: socketsMax, maxFreeSockets: socketsMax };
    this.httpAgent = new HttpAgent(agent);
    this.httpsAgent = new HttpsAgent({ ...agent, minVersion: limits.tlsMin });
  }

  /** Sends a request whose body is pushed. Rejects with the network's error, the signal's reason or S3EarlySuccessError. */
  push(request: PushedRequest, body: StreamedBody, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const clientRequest = this.#open(request);
      clientRequest.setTimeout(this.limits.socketTimeoutMs, () => {
        clientRequest.destroy(toTimeout(`no progress for ${this.limits.socketTimeoutMs} ms`));
      });
      this.#limitConnecting(clientRequest, request.protocol === "https:" ? "secureConnect" : "connect");
      const onAbort = () => clientRequest.destroy(toError(signal.reason));
      signal.addEventListener("abort", onAbort, { once: true });
      clientRequest.on("error", (error) => {
        body.detach();
        reject(error);
      });
      clientRequest.on("response", async (response) => {
        const isEnded = body.isSent;
        body.detach();
        const isWhole = isEnded && (await hasLeft(clientRequest));
        if (!isWhole && isSuccess(response)) {
          clientRequest.destroy();
          reject(new S3EarlySuccessError(response.statusCode));
          return;
        }
        // S3 may refuse before it has read the body; the rest must not follow on this connection.
        if (!isWhole) response.once("end", () => clientRequest.destroy());
        resolve(response);
      });
      clientRequest.on("close", () => signal.removeEventListener("abort", onAbort));
      body.attach(clientRequest);
    });
  }

  destroy(): void {
    this.httpAgent.destroy();
    this.httpsAgent.destroy();
  }

  #limitConnecting(clientRequest: ClientRequest, connected: "connect" | "secureConnect"): void {
    const timeoutMs = this.limits.connectTimeoutMs;
    clientRequest.once("socket", (socket) => {
      if (!socket.connecting) return;
      const timer = setTimeout(
        () => clientRequest.destroy(toTimeout(`no connection within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const settle = () => clearTimeout(timer);
      socket.once(connected, settle);
      clientRequest.once("close", settle);
    });
  }

  #open({ protocol, hostname, port, method, path, headers }: PushedRequest): ClientRequest {
    const isTls = protocol === "https:";
    return (isTls ? requestHttps : requestHttp)({
      agent: isTls ? this.httpsAgent : this.httpAgent,
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      ...(port !== undefined && { port }),
      method,
      path,
      headers,
    });
  }
}

/**
 * Whether the network has taken all bytes of a request that was ended. Over TLS a socket tells of bytes that it has just sent a turn late, when
 * a quick answer may be here already: it gets that turn.
 */
async function hasLeft(request: ClientRequest): Promise<boolean> {
  for (let turns = 0; !request.writableFinished && turns < LATE_TURNS_MAX; turns++) await immediate();
  return request.writableFinished;
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function toTimeout(message: string): Error {
  return Object.assign(new Error(message), { name: "TimeoutError" });
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason ?? "aborted"));
}
