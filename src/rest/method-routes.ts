import {
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  getOption,
  type Message,
} from "@bufbuild/protobuf";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { http } from "../../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../gen/google/api/http_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { MessageBudget } from "../domain/limits/message-budget.ts";
import { refuseUploadTokens } from "../rpc/calls/caller-context.ts";
import type { MessageLimits } from "../rpc/calls/message-limits.ts";
import { headerOf } from "../rpc/listener/node-messages.ts";
import { answerMessage, assertAcceptable, toJsonText, toMessageJson } from "./answers.ts";
import { applyIfMatch } from "./if-match.ts";
import type { MethodCalls } from "./method-calls.ts";
import { readJsonBody } from "./requests/read-body.ts";
import { fillRequestId } from "./requests/request-id.ts";
import { toRequestMessage } from "./requests/request-message.ts";
import type { RestCall } from "./requests/rest-call.ts";
import type { Route } from "./requests/route-table.ts";
import { asLines, streamTexts } from "./stream-texts.ts";

/** Serves one request. Errors are thrown before any part of an answer is sent. */
export type Serve = (call: RestCall) => Promise<void>;

/** The options of the methods' routes. */
export interface MethodRoutesOptions {
  calls: MethodCalls;
  authenticate: Authenticator;
  /** The limits of a body. */
  messageLimits: MessageLimits;
  /** The budget that bodies are counted against. */
  messages: MessageBudget;
}

/**
 * A route for each `google.api.http` binding of the methods that the handlers serve: a method gets its HTTP form from its
 * annotation alone. Methods whose caller streams have none.
 */
export function createMethodRoutes(
  handlers: readonly UniversalHandler[],
  options: MethodRoutesOptions,
): Route<Serve>[] {
  return handlers.flatMap(({ method }) => {
    if (!hasHttpForm(method)) return [];
    const rule = getOption(method, http);
    return [rule, ...rule.additionalBindings].flatMap((binding) => toRoute(method, binding, options));
  });
}

function hasHttpForm(method: DescMethod): method is DescMethodUnary | DescMethodStreaming<never> {
  return method.methodKind === "unary" || method.methodKind === "server_streaming";
}

function toRoute(method: DescMethod, rule: HttpRule, options: MethodRoutesOptions): Route<Serve>[] {
  const { case: kind, value } = rule.pattern;
  if (kind === undefined) return [];
  const { httpMethod, template } =
    kind === "custom"
      ? { httpMethod: value.kind, template: value.path }
      : { httpMethod: kind.toUpperCase(), template: value };
  const serve: Serve = async (call) => {
    const isUnary = method.methodKind === "unary";
    assertAcceptable(call.request, isUnary ? "application/json" : "application/x-ndjson");
    const message = await readMessage(method, rule, { ...options, call });
    if (isUnary) await answerUnary(method as DescMethodUnary, rule, { ...options, call, message });
    else {
      const messages = options.calls.serverStream(method as DescMethodStreaming, message, call);
      await streamTexts(call, messages, asLines(toLine(method)));
    }
  };
  return [{ httpMethod, template, serve }];
}

/** A body is read only for callers who may call: the others are refused first. */
async function readMessage(
  method: DescMethod,
  rule: HttpRule,
  { authenticate, calls, messageLimits, messages, call }: MethodRoutesOptions & { call: RestCall },
): Promise<Message> {
  const { variables, query, request } = call;
  let body: Awaited<ReturnType<typeof readJsonBody>>;
  if (rule.body !== "") {
    const judge = method.parent.typeName === UploadService.typeName ? authenticate : refuseUploadTokens(authenticate);
    const { principal } = await judge((name) => headerOf(request, name), request.socket.remoteAddress);
    call.arrival.holdFor(principal, messages);
    body = await readJsonBody(call, messageLimits);
  }
  const message = toRequestMessage(method, { variables, query, bodyField: rule.body, body });
  fillRequestId(method.input, message, request);
  await applyIfMatch(method, message, { calls, call });
  return message;
}

async function answerUnary(
  method: DescMethodUnary,
  rule: HttpRule,
  { calls, call, message }: MethodRoutesOptions & { call: RestCall; message: Message },
): Promise<void> {
  const answer = await calls.unary(method, message, call);
  const json = toMessageJson(method.output, answer);
  const part = method.output.fields.find(({ name }) => name === rule.responseBody);
  answerMessage(call, { message: answer, json: part === undefined ? json : json[part.jsonName] });
}

function toLine(method: DescMethod): (message: Message) => string {
  return (message) => toJsonText(toMessageJson(method.output, message));
}
