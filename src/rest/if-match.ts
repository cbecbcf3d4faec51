import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import type { File } from "../../gen/sluice/v1/file_pb.ts";
import {
  FileQueryService,
  GetFileRequestSchema,
  type GetFileResponse,
} from "../../gen/sluice/v1/file_query_service_pb.ts";
import { invalidArgument } from "../domain/errors.ts";
import type { MethodCalls } from "./method-calls.ts";
import {
  type EtagCondition,
  matchesStrongly,
  parseEtagCondition,
  toEtagMismatch,
} from "./requests/conditional-request.ts";
import type { RestCall } from "./requests/rest-call.ts";
import { RestRefusal } from "./requests/rest-refusal.ts";

/** The message that names a file: the request, or the resource in it. */
interface EtagHolder {
  namespace?: string;
  path?: string;
  generation?: bigint;
  etag?: unknown;
}

/**
 * Turns If-Match of a changing request into a value that its method compares in the same step as the change: the `etag` of
 * the message or of the resource in it, or else the generation of the file that has this etag now. When If-Match has several
 * tags, the file's own one is taken. Throws 412 ETAG_MISMATCH when no tag can match. Throws `invalid_argument` for a method
 * without such a field, and for If-None-Match, because a precondition must not be ignored (RFC 9110, 13.2.1).
 */
export async function applyIfMatch(
  method: DescMethod,
  message: Message,
  { calls, call }: { calls: MethodCalls; call: RestCall },
): Promise<void> {
  const { request } = call;
  if (request.method === "GET" || request.method === "HEAD") return;
  if (parseEtagCondition(request, "if-none-match") !== undefined) {
    const message = `${method.name} knows no If-None-Match; give the etag that the file must have as If-Match, or leave the header out`;
    throw invalidArgument("if-none-match", message);
  }
  const condition = parseEtagCondition(request, "if-match");
  if (condition === undefined || condition === "*") return;
  const values = message as Message & Record<string, unknown>;
  const holder = findEtagHolder(method, values);
  if (holder !== undefined) holder.etag = await chooseEtag(condition, holder, { calls, call });
  else if (hasFields(method, ["namespace", "path", "if_generation_match"])) {
    values.ifGenerationMatch = (await readMatching(condition, values as EtagHolder, { calls, call })).generation;
  } else throw invalidArgument("if-match", `${method.name} knows no If-Match; leave the header out`);
}

type Tags = Exclude<EtagCondition, "*">;

/** The message, or the resource in it, that has a field for the expected etag. */
function findEtagHolder(method: DescMethod, values: Record<string, unknown>): EtagHolder | undefined {
  if (hasFields(method, ["etag"])) return values;
  for (const field of method.input.fields) {
    const isResource = field.fieldKind === "message" && field.message.fields.some(({ name }) => name === "etag");
    const value = values[field.localName];
    if (isResource && typeof value === "object" && value !== null) return value;
  }
  return undefined;
}

async function chooseEtag(
  condition: Tags,
  holder: EtagHolder,
  { calls, call }: { calls: MethodCalls; call: RestCall },
): Promise<string> {
  // The method would take an empty etag for none, and then any file would match.
  const strong = condition.filter(({ etag, isWeak }) => !isWeak && etag !== "");
  const [one] = strong;
  if (one === undefined) throw toNothingMatches();
  if (strong.length === 1) return one.etag;
  if (call.request.method === "POST" || holder.path === undefined) {
    throw invalidArgument("if-match", "If-Match names several entity tags; this method takes one");
  }
  return (await readMatching(strong, holder, { calls, call })).etag;
}

/** The file that the request names, if it has one of the tags. */
async function readMatching(
  condition: Tags,
  { namespace = "", path = "", generation = 0n }: EtagHolder,
  { calls, call }: { calls: MethodCalls; call: RestCall },
): Promise<File> {
  const asked = create(GetFileRequestSchema, { namespace, path, ...(generation !== 0n && { generation }) });
  const { file } = (await calls.unary(FileQueryService.method.getFile, asked, call)) as GetFileResponse;
  if (file === undefined || !matchesStrongly(condition, file.etag)) throw toEtagMismatch(file?.etag);
  return file;
}

function toNothingMatches(): RestRefusal {
  const message =
    "If-Match holds no strong entity tag, so that nothing can match it; send the ETag of the file in its quotes";
  return new RestRefusal("ETAG_MISMATCH", message);
}

function hasFields({ input }: DescMethod, names: readonly string[]): boolean {
  return names.every((name) => input.fields.some((field) => field.name === name));
}
