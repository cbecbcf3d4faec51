import * as http from "node:http";
import * as https from "node:https";
import { buffer } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";

/** An answer that takes longer, in milliseconds, helps nobody who waits for the doctor. */
const ANSWER_TIMEOUT_MS = 10_000;
/** Longest answer, in bytes: the OpenAPI document and a metrics page fit. */
const ANSWER_MAX_BYTES = 16 * 2 ** 20;

/** What a service answered over HTTP. */
export interface ServiceAnswer {
  status: number;
  /** Parsed where it is JSON. */
  body: unknown;
  /** The service's clock, to the second; undefined where the answer does not say. */
  date: Date | undefined;
  /** From the request to the last byte, in milliseconds. The first request opens the connection as well. */
  tookMs: number;
  /** When the certificate of the service ends; undefined without TLS. */
  certificateEnd: Date | undefined;
}

/** How questions reach one service. */
export interface Asking {
  ca?: string | Buffer | undefined;
  token?: string | undefined;
  signal: AbortSignal;
}

/**
 * Asks one service over HTTP/1.1: with POST where there is a JSON body. It keeps no connection. Rejects when there is no answer in
 * time.
 */
export async function askService(url: URL, asking: Asking, json?: object): Promise<ServiceAnswer> {
  const begun = performance.now();
  const { response, socket } = await request(url, asking, json);
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_MAX_BYTES) response.destroy(new Error(`the answer has more than ${ANSWER_MAX_BYTES} bytes`));
  });
  const text = (await buffer(response)).toString();
  const { date, "content-type": contentType = "" } = response.headers;
  const end = "getPeerCertificate" in socket ? (socket as TLSSocket).getPeerCertificate().valid_to : undefined;
  return {
    status: response.statusCode ?? 0,
    body: contentType.includes("json") ? JSON.parse(text) : text,
    date: date === undefined ? undefined : new Date(date),
    tookMs: performance.now() - begun,
    certificateEnd: end === undefined ? undefined : new Date(end),
  };
}

async function request(url: URL, { ca, token, signal }: Asking, json: object | undefined) {
  const secure = url.protocol === "https:";
  const question = (secure ? https : http).request(url, {
    agent: false,
    method: json === undefined ? "GET" : "POST",
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { "content-type": "application/json" }),
    },
    ...(secure && { ca }),
  });
  return await new Promise<{ response: http.IncomingMessage; socket: http.IncomingMessage["socket"] }>(
    (resolve, reject) => {
      question.once("error", reject);
      question.once("response", (response) => resolve({ response, socket: response.socket }));
      question.end(json === undefined ? undefined : JSON.stringify(json));
    },
  );
}
