import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { buildQueryString, type HttpHandler, type HttpRequest, HttpResponse } from "@smithy/core/protocols";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { HttpHandlerOptions } from "@smithy/types";
import { StreamedBody } from "./streamed-body.ts";

/** Limits of the connections to S3. */
export interface ConnectionLimits {
  /** Connections to S3 at once, a process. */
  socketsMax: number;
  /** Longest wait for a connection, in milliseconds. */
  connectTimeoutMs: number;
  /** Longest silence of a socket with a request on it, in milliseconds. */
  socketTimeoutMs: number;
}

/**
 * The seam to the AWS SDK: requests whose body is a `StreamedBody` go out through plain node:http with their bytes
 * pushed; all others through the SDK's own handler. One keep-alive agent serves both, so that connections are shared.
 */
export class StreamingRequestHandler implements HttpHandler<Record<string, never>> {
  readonly metadata = { handlerProtocol: "http/1.1" };
  readonly #limits: ConnectionLimits;
  readonly #httpAgent: HttpAgent;
  readonly #httpsAgent: HttpsAgent;
  readonly #inner: NodeHttpHandler;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
    const agent = { keepAlive: true, maxSockets: limits.socketsMax, maxFreeSockets: limits.socketsMax };
    this.#httpAgent = new HttpAgent(agent);
    this.#httpsAgent = new HttpsAgent({ ...agent, minVersion: "TLSv1.2" });
    this.#inner = new NodeHttpHandler({
      httpAgent: this.#httpAgent,
      httpsAgent: this.#httpsAgent,
      connectionTimeout: limits.connectTimeoutMs,
      socketTimeout: limits.socketTimeoutMs,
    });
  }

  async handle(request: HttpRequest, options: HttpHandlerOptions = {}): Promise<{ response: HttpResponse }> {
    if (request.body instanceof StreamedBody) return await this.#push(request, request.body, options);
    return await this.#inner.handle(request, options);
  }

  destroy(): void {
    this.#inner.destroy();
    this.#httpAgent.destroy();
    this.#httpsAgent.destroy();
  }

  #push(request: HttpRequest, body: StreamedBody, options: HttpHandlerOptions): Promise<{ response: HttpResponse }> {
    const isTls = request.protocol === "https:";
    const signal = options.abortSignal as AbortSignal | undefined;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const clientRequest: ClientRequest = (isTls ? requestHttps : requestHttp)({
        agent: isTls ? this.#httpsAgent : this.#httpAgent,
        host: request.hostname.replace(/^\[(.*)\]$/, "$1"),
        ...(request.port !== undefined && { port: request.port }),
        method: request.method,
        path: toPathWithQuery(request),
        headers: request.headers,
      });
      clientRequest.setTimeout(this.#limits.socketTimeoutMs, () => {
        clientRequest.destroy(new Error(`no progress for ${this.#limits.socketTimeoutMs} ms`));
      });
      const onAbort = () => clientRequest.destroy(toError(signal?.reason));
      signal?.addEventListener("abort", onAbort, { once: true });
      clientRequest.on("error", (error) => {
        body.detach();
        reject(error);
      });
      clientRequest.on("response", (response) => {
        const isWhole = body.isSent;
        body.detach();
        // S3 may refuse before it has read the body; the rest must not follow on this connection.
        if (!isWhole) response.once("end", () => clientRequest.destroy());
        resolve({ response: toHttpResponse(response) });
      });
      clientRequest.on("close", () => signal?.removeEventListener("abort", onAbort));
      body.attach(clientRequest);
    });
  }

  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

function toPathWithQuery(request: HttpRequest): string {
  const query = buildQueryString(request.query ?? {});
  return query === "" ? request.path : `${request.path}?${query}`;
}

function toHttpResponse(response: IncomingMessage): HttpResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return new HttpResponse({ statusCode: response.statusCode ?? 0, headers, body: response });
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason ?? "aborted"));
}
