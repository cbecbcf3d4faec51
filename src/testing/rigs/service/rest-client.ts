import { connect } from "node:net";
import { text } from "node:stream/consumers";
import type { Problem } from "../../../rest/problem.ts";

/** An answer of the REST face. */
export interface RestAnswer {
  status: number;
  headers: Headers;
  /** Parsed where the answer is JSON of some kind, else its text. */
  // biome-ignore lint/suspicious/noExplicitAny: tests compare pieces of answers of any shape
  body: any;
}

/** Sends one request as an HTTP client does; a body that is no text, bytes or stream goes as JSON. */
export async function callRest(
  url: string,
  init: Omit<RequestInit, "body"> & {
    token?: string;
    json?: unknown;
    body?: RequestInit["body"] | AsyncIterable<Uint8Array>;
  } = {},
): Promise<RestAnswer> {
  const { token, json, body, ...rest } = init;
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  if (json !== undefined) headers.set("content-type", "application/json");
  const answer = await fetch(url, {
    redirect: "manual",
    ...rest,
    headers,
    ...((json !== undefined || body !== undefined) && {
      body: (json === undefined ? body : JSON.stringify(json)) as NonNullable<RequestInit["body"]>,
      duplex: "half",
    }),
  } as RequestInit);
  const received = await answer.text();
  const isJson = /\/(problem\+)?json$/.test(answer.headers.get("content-type") ?? "") && received !== "";
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(received) : received };
}

/** What of a problem tests compare. */
export function toRefusal({ status, body }: RestAnswer): Pick<Problem, "status" | "reason"> {
  return { status, reason: (body as Problem).reason };
}

/** Sends text as it is over a connection of its own, and returns all that comes back until the service closes that. */
export async function sendRaw(port: number, request: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(request);
  return await text(socket);
}
