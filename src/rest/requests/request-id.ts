import { randomUUID } from "node:crypto";
import { type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { headerOf, type NodeRequest } from "../../rpc/listener/node-messages.ts";

/**
 * The request id from the headers: Idempotency-Key (a string of structured fields in quotes, or without quotes as most clients
 * send it) or X-Sluice-Request-Id. Without either it is a fresh id: such a request cannot be repeated as the same request.
 */
export function requestIdOf(request: NodeRequest): string {
  const key = headerOf(request, "idempotency-key") ?? headerOf(request, "x-sluice-request-id");
  return key === undefined ? randomUUID() : key.replace(/^"(.*)"$/s, "$1");
}

/** Fills `request_id` of a command that has none yet from the headers. */
export function fillRequestId(
  schema: DescMessage,
  message: Message & { requestId?: unknown },
  request: NodeRequest,
): void {
  const field = schema.fields.find(({ name }) => name === "request_id");
  const isText = field?.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
  if (isText && message.requestId === "") message.requestId = requestIdOf(request);
}
