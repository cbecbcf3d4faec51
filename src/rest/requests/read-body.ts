import type { JsonValue } from "@bufbuild/protobuf";
import { DomainError } from "../../domain/errors.ts";
import type { MessageLimits } from "../../rpc/calls/message-limits.ts";
import { headerOf, type NodeRequest } from "../../rpc/listener/node-messages.ts";
import type { RestCall } from "./rest-call.ts";
import { RestRefusal } from "./rest-refusal.ts";

/**
 * Reads a body of JSON; undefined when it is empty. Throws 415 for another media type or an encoding, 400 for a body that is
 * no JSON, and the errors of `MessageArrival.read`.
 */
export async function readJsonBody(
  { request, arrival }: Pick<RestCall, "request" | "arrival">,
  limits: MessageLimits,
): Promise<JsonValue | undefined> {
  assertNotEncoded(request);
  const bytes = await arrival.readWhole(limits);
  if (bytes.length === 0) return undefined;
  const contentType = headerOf(request, "content-type") ?? "";
  if (!/^application\/json *(;|$)/i.test(contentType)) {
    const message = `the body is ${JSON.stringify(contentType.slice(0, 100))}; send application/json`;
    throw new RestRefusal("MEDIA_TYPE_UNSUPPORTED", message, { headers: { accept: "application/json" } });
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as JsonValue;
  } catch {
    throw new DomainError("invalid_argument", "the body is no JSON in UTF-8", { reason: "MESSAGE_MALFORMED" });
  }
}

/** Refuses a body that is compressed or otherwise encoded: the encoded bytes would be taken for the content. */
export function assertNotEncoded(request: NodeRequest): void {
  const encoding = headerOf(request, "content-encoding") ?? "identity";
  if (encoding === "identity") return;
  const message = `content-encoding is ${JSON.stringify(encoding.slice(0, 100))}; send the bytes as they are`;
  throw new RestRefusal("MEDIA_TYPE_UNSUPPORTED", message, { headers: { "accept-encoding": "identity" } });
}
