import type { Worker } from "node:cluster";
import { createServer } from "node:http";
import { Questions } from "./questions.ts";
import type { SupervisorChannel } from "./siblings.ts";

/** Where metrics are served for Prometheus. */
export interface MetricsAddress {
  host: string;
  port: number;
}

/** The supervisor asks for the page of a worker, and the worker answers. */
interface Asked {
  metrics: "ask";
  id: number;
}
interface Answered {
  metrics: "answer";
  id: number;
  page: string;
}

/** A worker that has not answered by then, in milliseconds, is left out: whoever scrapes gives up soon after. */
const ANSWER_WAIT_MS = 2000;
const PATH = "/metrics";

/**
 * Serves the metrics in Prometheus's text form, to whoever reaches the address: there is no token. It resolves when the port is
 * open; `close` ends it.
 */
export async function serveMetrics(
  { host, port }: MetricsAddress,
  read: () => Promise<string>,
): Promise<{ close(): void }> {
  const server = createServer(async (request, response) => {
    request.resume();
    if (request.url?.split("?", 1)[0] !== PATH || request.method !== "GET") {
      response.writeHead(404).end(`metrics are at GET ${PATH}\n`);
      return;
    }
    const page = await read().catch(() => undefined);
    if (page === undefined) response.writeHead(500).end("the metrics could not be read\n");
    else response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(page);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen({ host, port }, resolve));
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The worker's side: it answers with its page. */
export function answerMetrics(channel: SupervisorChannel, read: () => Promise<string>): void {
  channel.onMessage(async (message) => {
    if (!isMetricsMessage<Asked>(message, "ask")) return;
    const page = await read().catch(() => "");
    channel.send({ metrics: "answer", id: message.id, page } satisfies Answered);
  });
}

/** The supervisor's side: asks a worker for its page. */
export function askForMetrics(worker: Pick<Worker, "on" | "once" | "send" | "isConnected">): () => Promise<string> {
  const questions = new Questions<string>();
  worker.on("message", (message: unknown) => {
    if (isMetricsMessage<Answered>(message, "answer")) questions.settle(message.id, message.page);
  });
  worker.once("exit", () => questions.settleAll());
  const send = (id: number) => {
    if (worker.isConnected()) worker.send({ metrics: "ask", id } satisfies Asked);
    else questions.settle(id, undefined);
  };
  return async () => (await questions.ask(send, { timeoutMs: ANSWER_WAIT_MS })) ?? "";
}

/** One page of those of all workers: Prometheus wants all series of a metric together, below its description. */
export function joinMetricsPages(pages: readonly string[]): string {
  const families = new Map<string, { description: string[]; series: string[] }>();
  for (const page of pages) {
    let family: { description: string[]; series: string[] } | undefined;
    for (const line of page.split("\n")) {
      const name = /^# (?:HELP|TYPE|UNIT) (\S+)/.exec(line)?.[1];
      if (name !== undefined) {
        family = families.get(name) ?? { description: [], series: [] };
        families.set(name, family);
        if (!family.description.includes(line)) family.description.push(line);
      } else if (line !== "") family?.series.push(line);
    }
  }
  return [...families.values()].flatMap(({ description, series }) => [...description, ...series, ""]).join("\n");
}

function isMetricsMessage<M extends { metrics: string }>(message: unknown, kind: M["metrics"]): message is M {
  return (message as { metrics?: unknown } | null)?.metrics === kind;
}
