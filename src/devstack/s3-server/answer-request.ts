import { once } from "node:events";

import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "./faults.ts";
import { HANDLERS } from "./operations/handlers.ts";
import type { S3State } from "./operations/state.ts";
import { toErrorXml } from "./protocol/error-document.ts";
import type { Answer, Exchange } from "./protocol/exchange.ts";
import { ConnectionLost } from "./protocol/receive-payload.ts";

/** A request with everything needed to answer it. */
export interface PendingRequest {
  readonly exchange: Exchange;
  readonly requestId: string;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
}

/** An answer, and where a scripted fault breaks it off. */
export interface FaultedAnswer {
  readonly answer: Answer;
  readonly cut: boolean;
}

/**
 * Does the operation of a request, with a scripted fault if there is one.
 * @throws S3Error for refusals; ConnectionLost when the fault or the client ended the connection.
 */
export async function answerRequest(
  state: S3State,
  pending: PendingRequest,
  fault: Fault | undefined,
): Promise<FaultedAnswer> {
  const { exchange, requestId } = pending;
  const work = async (changed: Partial<Exchange> = {}) =>
    await HANDLERS[exchange.operation](state, { ...exchange, ...changed });
  switch (fault?.kind) {
    case undefined:
      return { answer: await work(), cut: false };
    case "status":
      return { answer: { status: fault.status, body: scriptedError(exchange, fault.code, requestId) }, cut: false };
    case "error-in-200":
      return { answer: { status: 200, body: scriptedError(exchange, fault.code, requestId) }, cut: false };
    case "latency":
      await delay(fault.ms, undefined, { signal: pending.signal }).catch(lost);
      return { answer: await work(), cut: false };
    case "hold":
      await Promise.race([fault.released, once(pending.signal, "abort").then(lost)]);
      return { answer: await work(), cut: false };
    case "cut-request":
      return { answer: await work({ cutAfterBytes: fault.afterBytes }), cut: false };
    case "cut-response":
      return { answer: await work(), cut: true };
    case "wrong-etag": {
      const answer = await work();
      return { answer: { ...answer, headers: { ...answer.headers, etag: `"${"0".repeat(32)}"` } }, cut: false };
    }
    case "no-checksum":
      return { answer: withoutChecksums(await work()), cut: false };
    case "wrong-checksum": {
      const answer = await work();
      return { answer: { ...answer, headers: { ...answer.headers, "x-amz-checksum-crc32": "AAAAAA==" } }, cut: false };
    }
    case "lost-response": {
      releaseBody(await work());
      exchange.request.socket.destroy();
      throw new ConnectionLost();
    }
    case "hang":
      if (!pending.signal.aborted) await once(pending.signal, "abort");
      throw new ConnectionLost();
  }
}

function withoutChecksums(answer: Answer): Answer {
  const { headers = {}, body } = answer;
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith("x-amz-checksum-"));
  const document = typeof body === "string" && { body: body.replace(/<Checksum\w+>[^<]*<\/Checksum\w+>/g, "") };
  return { ...answer, headers: Object.fromEntries(kept), ...document };
}

/** Drops the reference to the object that an answer would have sent. */
export function releaseBody(answer: Answer): void {
  if (typeof answer.body === "object") answer.body.release();
}

function scriptedError({ request, target }: Exchange, code: string, requestId: string): string {
  const resource = target.rawPath;
  return toErrorXml({ code, message: `scripted fault of ${request.method}`, resource, requestId });
}

function lost(): never {
  throw new ConnectionLost();
}
