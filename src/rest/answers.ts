import { type DescMessage, type JsonObject, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { answer, headerOf, type NodeRequest } from "../rpc/listener/node-messages.ts";
import { isNotModified } from "./requests/conditional-request.ts";
import type { RestCall } from "./requests/rest-call.ts";
import { RestRefusal } from "./requests/rest-refusal.ts";

/** Refuses, with 406, a caller whose Accept does not allow this media type. */
export function assertAcceptable(request: NodeRequest, mediaType: string): void {
  const accept = headerOf(request, "accept") ?? "*/*";
  const [type = ""] = mediaType.split("/");
  const isRoom = accept.split(",").some((one) => {
    const [range = "", ...parameters] = one.split(";").map((part) => part.trim().toLowerCase());
    const isWanted = !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    return isWanted && [mediaType, `${type}/*`, "*/*"].includes(range);
  });
  if (isRoom) return;
  const message = `accept is ${JSON.stringify(accept.slice(0, 100))}; this path serves ${mediaType}`;
  throw new RestRefusal("NOT_ACCEPTABLE", message);
}

/**
 * Answers with a message as JSON. When the message has an etag, or holds a file or namespace that has one, it comes as the ETag. A GET's preconditions
 * are then evaluated: the answer may be 304 without a body, and If-Match may refuse it with 412.
 */
export function answerMessage(
  call: RestCall,
  {
    message,
    json,
    status = 200,
    headers = {},
  }: {
    message: Message;
    json: JsonValue | undefined;
    status?: number;
    headers?: Record<string, string>;
  },
): void {
  const { request, response } = call;
  const etag = findEtag(message);
  const isRead = request.method === "GET" || request.method === "HEAD";
  const isTagged = etag !== undefined && etag !== "";
  const all: Record<string, string> = {
    // A cache may keep the answer, but must ask for it again each time: the tag makes that cheap.
    "cache-control": isTagged && isRead ? "private, no-cache" : "no-store",
    ...(isTagged && { etag: `"${etag}"` }),
    ...headers,
  };
  if (isRead && isTagged && isNotModified(request, { etag })) {
    answer(response, { status: 304, headers: all });
    return;
  }
  const text = toJsonText(json ?? {});
  all["content-type"] = "application/json";
  all["content-length"] = String(Buffer.byteLength(text));
  answer(response, { status, headers: all, text: request.method === "HEAD" ? "" : text });
}

/** A message as JSON, including fields that have their default: the CRC32 of no bytes is 0, and an empty page has no files. */
export function toMessageJson(schema: DescMessage, message: Message): JsonObject {
  return toJson(schema, message, { alwaysEmitImplicit: true }) as JsonObject;
}

/** A line of JSON. */
export function toJsonText(json: JsonValue): string {
  return `${JSON.stringify(json)}\n`;
}

function findEtag(message: Message): string | undefined {
  const { etag, file, namespace } = message as Message & Record<"etag" | "file" | "namespace", unknown>;
  if (typeof etag === "string") return etag;
  const holder = (file ?? namespace) as { etag?: unknown } | undefined;
  return typeof holder?.etag === "string" ? holder.etag : undefined;
}
