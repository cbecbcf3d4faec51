import { once } from "node:events";
import { createServer, type IncomingMessage, request as requestHttp, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { S3Step } from "./kill-plan.ts";

/** Is told by the relay about the service's requests to S3. */
export interface RelayObserver {
  /** A step begins. When this returns true, the relay drops the request and S3 never receives it. */
  onRequest(step: S3Step, uploadId: string): boolean;
  /** This many bytes of content were passed on, without framing. */
  onBytes(uploadId: string, lengthBytes: number): void;
  /**
   * S3 has answered with success, and the service has not received the answer yet. When this returns true, the relay drops
   * the answer.
   */
  onAnswer(step: S3Step, uploadId: string): boolean;
}

/** A running relay. */
export interface S3Relay {
  readonly url: string;
  /** The observer that is told; there is none at first. */
  observer: RelayObserver | undefined;
  /** Says of each request whether it is answered with 503 instead of being passed on; there is none at first. */
  refuses: (() => boolean) | undefined;
  close(): Promise<void>;
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/**
 * Starts a relay between the service and an S3 server. It passes everything on as it is, so that a signature for the relay's
 * address stays valid: both sides see the same Host header. It counts the content by the id of the upload in the key, and
 * tells when the service is in the middle of a step.
 */
export async function startS3Relay(targetUrl: string): Promise<S3Relay> {
  const server = createServer({ requestTimeout: 0 });
  const relay: S3Relay = {
    url: "",
    observer: undefined,
    refuses: undefined,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  server.on("request", (request, response) => {
    if (relay.refuses?.() === true) refuse(request, response);
    else pass(targetUrl, { request, response, observer: relay.observer });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(relay, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  observer: RelayObserver | undefined;
}

/** Answers as S3 does when it has too much to do: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(503, { "content-type": "application/xml" });
  response.end("<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>");
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
  // The request of a caller that was killed ends with it, as with a connection that was cut.
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

/** Counts the content of a body, up to its declared length: everything beyond is the framing of aws-chunked. */
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
