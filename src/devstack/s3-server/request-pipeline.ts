import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { answerRequest } from "./answer-request.ts";
import { FaultPlan } from "./faults.ts";
import type { S3State } from "./operations/state.ts";
import { answerPreflight, corsHeaders } from "./protocol/cors.ts";
import { toErrorXml } from "./protocol/error-document.ts";
import type { Answer, Exchange } from "./protocol/exchange.ts";
import { type Operation, operationOf } from "./protocol/operation.ts";
import { ConnectionLost } from "./protocol/receive-payload.ts";
import { parseRequestTarget, type RequestTarget } from "./protocol/request-target.ts";
import { S3Error } from "./protocol/s3-error.ts";
import { sendAnswer } from "./protocol/send-answer.ts";
import { assertRegion, type SigningAuthority, verifySignature } from "./protocol/sigv4.ts";

/** Who may send requests, and who hears of failures. */
export interface RequestPipelineOptions {
  readonly authority: SigningAuthority;
  readonly corsOrigins: readonly string[];
  readonly onInternalError: (error: unknown) => void;
}

/** The way of a request: it is authorised, a fault is chosen for it, its operation answers it, and a failure becomes an answer. */
export class RequestPipeline {
  readonly faults = new FaultPlan();
  readonly #state: S3State;
  readonly #authority: SigningAuthority;
  readonly #corsOrigins: readonly string[];
  readonly #onInternalError: (error: unknown) => void;
  readonly #active = new Set<Promise<void>>();
  readonly #counts = new Map<Operation, number>();

  constructor(state: S3State, { authority, corsOrigins, onInternalError }: RequestPipelineOptions) {
    this.#state = state;
    this.#authority = authority;
    this.#corsOrigins = corsOrigins;
    this.#onInternalError = onInternalError;
  }

  /** How many authorised requests there were of an operation. */
  requestCount(operation: Operation): number {
    return this.#counts.get(operation) ?? 0;
  }

  /** Answers a request; `awaitsContinue` when its client waits before it sends a body. Never throws. */
  receive(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const serving = this.#serve(request, response, awaitsContinue).finally(() => this.#active.delete(serving));
    this.#active.add(serving);
  }

  /** Settles when every request taken so far is done with. */
  async settle(): Promise<void> {
    await Promise.all(this.#active);
  }

  async #serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): Promise<void> {
    const requestId = randomBytes(8).toString("hex").toUpperCase();
    // Without a listener a client that goes away would be an uncaught error; the readers see it by other means.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    response.setHeader("x-amz-request-id", requestId);
    for (const [name, value] of Object.entries(corsHeaders(request.headers.origin, this.#corsOrigins) ?? {})) {
      response.setHeader(name, value);
    }
    let waiting = awaitsContinue;
    const acceptBody = () => {
      if (waiting) response.writeContinue();
      waiting = false;
    };
    try {
      const { answer, cut } = await this.#answer(request, response, requestId, acceptBody);
      // A client that was never told to go on may or may not send its body: the connection has no next request.
      if (waiting) response.setHeader("connection", "close");
      await sendAnswer(response, answer, cut);
    } catch (error) {
      if (error instanceof ConnectionLost || response.headersSent) {
        response.destroy();
        return;
      }
      if (!(error instanceof S3Error)) this.#onInternalError(error);
      const refusal = toRefusal(error, request, requestId);
      if (waiting || refusal.closes) response.setHeader("connection", "close");
      await sendAnswer(response, refusal.answer, false);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, requestId: string, acceptBody: () => void) {
    const headers = new Map<string, string>();
    for (const [name, values] of Object.entries(request.headersDistinct)) headers.set(name, (values ?? []).join(","));
    if (request.method === "OPTIONS") return { answer: answerPreflight(headers, this.#corsOrigins), cut: false };
    const target = parseRequestTarget(request.url ?? "");
    const { presigned, payloadHash, region } = verifySignature(request, target, this.#authority);
    if (presigned) adoptQueryHeaders(headers, target);
    assertRegion(target.bucket, { signed: region, actual: this.#authority.regionOf(target.bucket) });
    const operation = operationOf(request.method ?? "", target, headers.has("x-amz-copy-source"));
    this.#counts.set(operation, this.requestCount(operation) + 1);
    const exchange: Exchange = {
      operation,
      target,
      headers,
      payloadHash,
      region,
      request,
      acceptBody,
      cutAfterBytes: undefined,
    };
    const partNumber = target.query.get("partNumber");
    const fault = this.faults.take(operation, target.key, partNumber === undefined ? undefined : Number(partNumber));
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    return await answerRequest(this.#state, { exchange, requestId, signal: gone.signal }, fault);
  }
}

/** Presigners move `x-amz-` headers into the query, where they mean the same. */
function adoptQueryHeaders(headers: Map<string, string>, target: RequestTarget): void {
  for (const [name, value] of target.query) {
    const header = name.toLowerCase();
    if (header.startsWith("x-amz-") && !headers.has(header)) headers.set(header, value);
  }
}

/** What the system says when a disk has no room, or this process may use no more of it. */
const FULL_CODES: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** A failure that is none of the caller's. */
function toFailure(error: unknown): S3Error {
  if (FULL_CODES.has((error as { code?: unknown } | undefined)?.code)) {
    return new S3Error("InsufficientStorage", "The disk of this server is full; make room on it.");
  }
  return new S3Error("InternalError", "We encountered an internal error.");
}

function toRefusal(error: unknown, request: IncomingMessage, requestId: string): { answer: Answer; closes: boolean } {
  const refusal = error instanceof S3Error ? error : toFailure(error);
  const { code, message, details, headers, status } = refusal;
  const resource = (request.url ?? "").split("?", 1)[0] ?? "";
  const body = request.method === "HEAD" ? undefined : toErrorXml({ code, message, details, resource, requestId });
  return {
    answer: { status, headers, ...(body !== undefined && { body }) },
    // The rest of a silent body would hold up the connection for ever.
    closes: code === "RequestTimeout",
  };
}
