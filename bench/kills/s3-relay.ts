import { once } from "node:events";
import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { S3Step } from "./kill-plan.ts";

/** What the relay tells of a request of the service to S3. */
export interface RelayObserver {
  /** A step begins. True drops it: S3 never hears of it. */
  onRequest(step: S3Step, uploadId: string): boolean;
  /** Bytes of content passed on, framing not counted. */
  onBytes(uploadId: string, lengthBytes: number): void;
  /** S3 has answered well, and the service has not heard it yet. True drops the answer. */
  onAnswer(step: S3Step, uploadId: string): boolean;
}

/** A relay that runs. */
export interface S3Relay {
  readonly url: string;
  /** Who is told; nobody at first. */
  observer: RelayObserver | undefined;
  close(): Promise<void>;
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/**
 * Stands between the service and an S3 server and passes everything on as it is, so that a signature made for the relay's
 * address stays true: both sides see the same Host header. Counts what passes by the id of the upload in the key, and says
 * when the service is in the middle of a step.
 */
export async function startS3Relay(targetUrl: string): Promise<S3Relay> {
  const server = createServer({ requestTimeout: 0 });
  const relay: S3Relay = {
    url: "",
    observer: undefined,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  server.on("request", (request, response) => pass(targetUrl, { request, response, observer: relay.observer }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(relay, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  observer: RelayObserver | undefined;
}

function pass(targetUrl: string, { request, response, observer }: Exchange): void {
  const step = toStep(request);
  const uploadId = UUID.exec(request.url!)?.[0];
  const drop = () => request.socket.destroy();
  if (observer !== undefined && step !== undefined && uploadId !== undefined && observer.onRequest(step, uploadId)) {
    drop();
    return;
  }
  const { hostname, port } = new URL(targetUrl);
  const onward = requestHttp({ hostname, port, method: request.method, path: request.url!, headers: request.headers });
  onward.on("error", drop);
  // A caller that was killed takes its request with it, as a cut connection would.
  response.on("close", () => {
    if (!response.writableEnded) onward.destroy();
  });
  onward.on("response", (answer) => {
    const isDone = (answer.statusCode ?? 500) < 300;
    if (isDone && observer !== undefined && step !== undefined && uploadId !== undefined) {
      if (observer.onAnswer(step, uploadId)) {
        answer.resume();
        drop();
        return;
      }
    }
    response.writeHead(answer.statusCode!, answer.headers);
    answer.on("error", drop).pipe(response);
  });
  if (uploadId !== undefined && (step === "part" || step === "put")) count(request, uploadId, observer);
  request.pipe(onward);
}

/** Counts the content of a body, up to its declared length: what is beyond is aws-chunked's framing. */
function count(request: IncomingMessage, uploadId: string, observer: RelayObserver | undefined): void {
  const { "x-amz-decoded-content-length": decoded, "content-length": plain } = request.headers;
  let restBytes = Number(decoded ?? plain);
  request.on("data", (bytes: Buffer) => {
    const counted = Math.min(restBytes, bytes.length);
    restBytes -= counted;
    observer?.onBytes(uploadId, counted);
  });
}

function toStep({ method, url }: IncomingMessage): S3Step | undefined {
  const { searchParams } = new URL(url!, "http://s3");
  if (method === "PUT") return searchParams.has("partNumber") ? "part" : "put";
  if (method !== "POST") return undefined;
  return searchParams.has("uploads") ? "create" : searchParams.has("uploadId") ? "complete" : undefined;
}
