import type { DescField, DescMessage, DescMethod, JsonObject } from "@bufbuild/protobuf";
import type { HttpRule } from "../../../gen/google/api/http_pb.ts";
import { isFieldMask } from "../requests/field-mask.ts";
import { describe } from "./describe.ts";
import { isRequired, type MessageSchemas } from "./message-schemas.ts";
import { COMMON_REFUSALS, type Refusal, toRefusals } from "./problem-responses.ts";

const ETAG = { description: "Entity tag of what the answer shows.", schema: { type: "string" } } as const;

/** The header by which every change of a file tells its commit position. */
export const POSITION = {
  description: "A position after the change: a query that sends it back shows the change, at any replica.",
  schema: { type: "string", pattern: "^[0-9A-F]{1,8}/[0-9A-F]{1,8}$" },
} as const;

/** A hint for callers about `{path=**}`, which OpenAPI cannot express. */
const SLASHES = "Slashes stand between segments as they are (or as %2F); each segment is percent-encoded once.";

/** Describes one HTTP binding of a method: parameters from path, query and headers, the body, and all answers. */
export function createOperation(method: DescMethod, rule: HttpRule, schemas: MessageSchemas): JsonObject {
  const description = describe(method);
  const template = String(rule.pattern.case === "custom" ? rule.pattern.value.path : rule.pattern.value);
  const inPath = [...template.matchAll(/\{([a-z0-9_.]+)(=\*\*)?\}/g)].map(([, path = "", rest]) => ({
    path,
    isRest: rest !== undefined,
  }));
  const without = inPath.map(({ path }) => path);
  const isRead = rule.pattern.case === "get";
  const hasEtag = method.methodKind === "unary" && isTagged(method.output);
  const inQuery = rule.body === "*" ? [] : listQuery(method.input, [...without, rule.body]);
  const parameters = [
    ...inPath.map((variable) => toPathParameter(method.input, variable, schemas)),
    ...inQuery.map(({ name, field }) => toQueryParameter(name, field, schemas)),
    ...listHeaders(method, { isRead, hasEtag }),
  ];
  const refusals: readonly Refusal[] = rule.body === "" ? COMMON_REFUSALS : [...COMMON_REFUSALS, 413, 415];
  return {
    operationId: method.name,
    summary: /^.*?[.:](?= |$)/.exec(description)?.[0].replace(/[.:]$/, "") ?? description,
    description,
    tags: [method.parent.name],
    ...(parameters.length > 0 && { parameters }),
    ...(rule.body !== "" && { requestBody: toRequestBody(method.input, rule, { schemas, without }) }),
    responses: {
      200: toSuccess(method, schemas, { hasEtag }),
      ...(isRead &&
        hasEtag && {
          304: { description: "The caller already has what has this entity tag.", headers: { ETag: ETAG } },
        }),
      ...toRefusals(refusals),
    },
  };
}

function toPathParameter(
  input: DescMessage,
  { path, isRest }: { path: string; isRest: boolean },
  schemas: MessageSchemas,
): JsonObject {
  const { description, ...schema } = schemas.ofField(findField(input, path.split(".")), "out");
  const text = isRest ? `${description} ${SLASHES}` : description;
  return { name: path.replace(/^.*\./, ""), in: "path", required: true, ...(text && { description: text }), schema };
}

function findField(message: DescMessage, [name, ...rest]: readonly string[]): DescField {
  const field = message.fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(`${message.typeName} has no field ${name}, which a route's template names`);
  return rest.length > 0 && field.message !== undefined ? findField(field.message, rest) : field;
}

/** The fields that are query parameters: those neither in the path nor in the body. Messages are listed by their fields. */
function listQuery(message: DescMessage, without: readonly string[]): { name: string; field: DescField }[] {
  return message.fields.flatMap((field) => {
    if (without.includes(field.name)) return [];
    const isText =
      field.fieldKind === "message" && (isFieldMask(field) || field.message.typeName.startsWith("google."));
    if (field.fieldKind !== "message" || isText) return [{ name: field.jsonName, field }];
    const below = without.flatMap((path) =>
      path.startsWith(`${field.name}.`) ? [path.slice(field.name.length + 1)] : [],
    );
    return listQuery(field.message, below).map((one) => ({ ...one, name: `${field.jsonName}.${one.name}` }));
  });
}

function toQueryParameter(name: string, field: DescField, schemas: MessageSchemas): JsonObject {
  const { description, ...schema } = schemas.ofField(field, "in");
  return {
    name,
    in: "query",
    ...(isRequired(field) && { required: true }),
    ...(description && { description }),
    schema,
  };
}

function listHeaders(method: DescMethod, { isRead, hasEtag }: { isRead: boolean; hasEtag: boolean }): JsonObject[] {
  const has = (message: DescMessage, name: string) => message.fields.some((field) => field.name === name);
  // What is only made by the call has no etag yet.
  const takesEtag = !method.name.startsWith("Create") && isTagged(method.input);
  return [
    ...(has(method.input, "request_id") ? ["IdempotencyKey"] : []),
    ...(isRead && hasEtag ? ["IfNoneMatch", "IfMatch"] : []),
    ...(isQuery(method) ? ["Position"] : []),
    ...(!isRead && (takesEtag || has(method.input, "if_generation_match")) ? ["IfMatch"] : []),
  ].map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

/** Whether a message has an etag, or holds something that has one. */
function isTagged(message: DescMessage): boolean {
  const hasEtag = ({ fields }: DescMessage) => fields.some(({ name }) => name === "etag");
  return hasEtag(message) || message.fields.some((field) => field.fieldKind === "message" && hasEtag(field.message));
}

/** The methods that take a commit position. */
function isQuery({ name, parent }: DescMethod): boolean {
  return parent.name === "FileQueryService" || name === "CreateDownloadUrl";
}

/** The methods that answer a commit position. */
function isFileChange({ name, parent }: DescMethod): boolean {
  return (parent.name === "FileCommandService" && name !== "CreateDownloadUrl") || name === "CompleteUpload";
}

function toRequestBody(
  input: DescMessage,
  rule: HttpRule,
  { schemas, without }: { schemas: MessageSchemas; without: readonly string[] },
): JsonObject {
  const field = input.fields.find(({ name }) => name === rule.body);
  const schema = field === undefined ? schemas.refer(input, "in", without) : schemas.ofField(field, "in");
  return { required: true, content: { "application/json": { schema } } };
}

function toSuccess(method: DescMethod, schemas: MessageSchemas, { hasEtag }: { hasEtag: boolean }): JsonObject {
  const schema = schemas.refer(method.output, "out");
  const description = describe(method.output);
  if (method.methodKind === "unary") {
    const headers = { ...(hasEtag && { ETag: ETAG }), ...(isFileChange(method) && { "Sluice-Position": POSITION }) };
    const content = { "application/json": { schema } };
    return { description, ...(Object.keys(headers).length > 0 && { headers }), content };
  }
  const failed = {
    type: "object",
    required: ["error"],
    properties: { error: { $ref: "#/components/schemas/Problem" } },
  };
  const lines = "Each line is one message. When the stream fails after its first message, the last line is the error.";
  return {
    description: `${description} ${lines}`,
    content: { "application/x-ndjson": { schema: { oneOf: [schema, failed] } } },
  };
}
