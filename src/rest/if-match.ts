import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import {
  FileQueryService,
  GetFileRequestSchema,
  type GetFileResponse,
} from "../../gen/sluice/v1/file_query_service_pb.ts";
import { invalidArgument } from "../domain/errors.ts";
import { type EtagCondition, matchesStrongly, parseEtagCondition, toEtagMismatch } from "./conditional-request.ts";
import type { MethodCalls } from "./method-calls.ts";
import type { RestCall } from "./rest-call.ts";

/**
 * Turns If-Match of a request that changes something into what its method compares: the `etag` of the message or of the
 * resource in it, or else the generation of the file that has this etag now. 412 ETAG_MISMATCH where no tag can match;
 * `invalid_argument` for a method without such a field, because a precondition must not be passed over.
 */
export async function applyIfMatch(
  method: DescMethod,
  message: Message,
  { calls, call }: { calls: MethodCalls; call: RestCall },
): Promise<void> {
  const { request } = call;
  const condition = parseEtagCondition(request, "if-match");
  if (condition === undefined || condition === "*" || request.method === "GET" || request.method === "HEAD") return;
  const values = message as Message & Record<string, unknown>;
  const holder = findEtagHolder(method, values);
  if (holder !== undefined) holder.etag = toOneEtag(condition);
  else if (hasFields(method, ["namespace", "path", "if_generation_match"])) {
    const { namespace, path } = values as { namespace?: string; path?: string };
    const found = create(GetFileRequestSchema, { namespace: namespace ?? "", path: path ?? "" });
    const { file } = (await calls.unary(FileQueryService.method.getFile, found, call)) as GetFileResponse;
    if (file === undefined || !matchesStrongly(condition, file.etag)) throw toEtagMismatch(file?.etag);
    values.ifGenerationMatch = file.generation;
  } else throw invalidArgument("if-match", `${method.name} knows no If-Match; leave the header out`);
}

/** The message, or the resource in it, that says which etag it expects. */
function findEtagHolder(method: DescMethod, values: Record<string, unknown>): { etag?: unknown } | undefined {
  if (hasFields(method, ["etag"])) return values;
  for (const field of method.input.fields) {
    const isResource = field.fieldKind === "message" && field.message.fields.some(({ name }) => name === "etag");
    const value = values[field.localName];
    if (isResource && typeof value === "object" && value !== null) return value;
  }
  return undefined;
}

function toOneEtag(condition: Exclude<EtagCondition, "*">): string {
  const strong = condition.filter(({ isWeak }) => !isWeak);
  if (strong.length > 1) throw invalidArgument("if-match", "If-Match names several entity tags; this method takes one");
  const [one] = strong;
  if (one === undefined) throw toEtagMismatch(undefined);
  return one.etag;
}

function hasFields({ input }: DescMethod, names: readonly string[]): boolean {
  return names.every((name) => input.fields.some((field) => field.name === name));
}
