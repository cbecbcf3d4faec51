import type { DeliveryFailure, EventSender } from "../domain/subscriptions/delivery.ts";
import { toTraceHeaders } from "../telemetry/root-span.ts";
import { AddressRefused, type WebhookClient } from "./webhook-client.ts";
import { toWebhookHeaders } from "./webhook-signature.ts";

/**
 * Statuses that say something of the receiver and nothing of the event: it is elsewhere, lets nobody in, is too busy, or its proxy does
 * not reach it.
 */
const OF_RECEIVER: ReadonlySet<number> = new Set([401, 403, 404, 405, 407, 408, 421, 425, 429, 502, 503, 504, 511]);
const GONE = 410;

/**
 * Sends events to a webhook by Standard Webhooks, one a request. Any status of 2xx confirms; the text of an answer is worth nothing, and
 * no failure tells any of it: whoever makes a subscription must not read by it what only the service reaches.
 */
export function createWebhookSender(
  client: Pick<WebhookClient, "post">,
  { url, secrets, now }: { url: string; secrets: readonly Uint8Array[]; now: () => Date },
): EventSender {
  return {
    batchMax: 1,
    send: async ([delivery], { signal }) => {
      if (delivery === undefined) return { delivered: 0, failure: undefined };
      const { eventId: id, json: body } = delivery;
      const headers = {
        "content-type": "application/cloudevents+json; charset=utf-8",
        ...toTraceHeaders(),
        ...toWebhookHeaders({ id, time: now(), body }, secrets),
      };
      let failure: DeliveryFailure | undefined;
      try {
        const { status, retryAfter } = await client.post(url, { headers, body, signal });
        failure = toFailure(status, toWaitMs(retryAfter, now()));
      } catch (error) {
        signal.throwIfAborted();
        failure = toConnectionFailure(error);
      }
      return { delivered: failure === undefined ? 1 : 0, failure };
    },
  };
}

function toFailure(status: number, retryAfterMs: number | undefined): DeliveryFailure | undefined {
  if (status >= 200 && status < 300) return undefined;
  const problem = `the receiver answers with status ${status}`;
  if (status === GONE) return { kind: "gone", problem: `${problem}: it wants no events any more` };
  if (status >= 300 && status < 400)
    return { kind: "receiver", problem: `${problem}: it redirects elsewhere, which is not followed` };
  return { kind: OF_RECEIVER.has(status) ? "receiver" : "event", problem, retryAfterMs };
}

function toConnectionFailure(error: unknown): DeliveryFailure {
  if (error instanceof AddressRefused)
    return { kind: "receiver", problem: "the name of the receiver has an address that webhooks may not reach" };
  // It may be this event that the receiver cannot work off.
  if (error instanceof Error && error.name === "TimeoutError")
    return { kind: "event", problem: "the receiver does not answer in time" };
  return { kind: "receiver", problem: `the receiver cannot be reached (${codeOf(error)})` };
}

/** The code that Node or OpenSSL gives a failed connection, such as ECONNREFUSED or CERT_HAS_EXPIRED. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" && /^[A-Z0-9_]{1,60}$/.test(code) ? code : "no connection";
}

/** The header Retry-After (RFC 9110, 10.2.3): seconds, or a time. */
function toWaitMs(text: string | undefined, now: Date): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now.getTime());
}
