import { createServer as createPlainServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TlsCertificate } from "../tls-certificate.ts";

/** A request as a receiver got it. */
export interface ReceivedEvent {
  headers: Record<string, string>;
  body: string;
  /** The CloudEvent, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: tests compare pieces of events of any type
  event: any;
}

/** Answers a request; `index` counts from 0. */
export type AnswerEvent = (
  received: ReceivedEvent,
  options: { index: number; response: Parameters<RequestListener>[1] },
) => unknown;

/** A receiver of webhooks: a real server on a free port of this host. */
export interface WebhookReceiver {
  /** URL by address. */
  url: string;
  port: number;
  received: ReceivedEvent[];
  /** What answers from now on; 204 when left out. */
  answerWith(answer?: AnswerEvent): void;
  close(): Promise<void>;
}

/** Starts a receiver, with TLS when a certificate is given. */
export async function startWebhookReceiver({
  tls,
}: {
  tls?: TlsCertificate | undefined;
} = {}): Promise<WebhookReceiver> {
  const received: ReceivedEvent[] = [];
  const accept: AnswerEvent = (_received, { response }) => {
    response.writeHead(204).end();
  };
  let answer = accept;
  const onRequest = async (request: IncomingMessage, response: Parameters<RequestListener>[1]) => {
    const body = await text(request);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const index = received.push({ headers, body, event: JSON.parse(body) }) - 1;
    await answer(received[index] as ReceivedEvent, { index, response });
  };
  const server: Server = tls === undefined ? createPlainServer() : createServer(tls);
  server.on("request", (request, response) => void onRequest(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/events`,
    port,
    received,
    answerWith: (next = accept) => {
      answer = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
