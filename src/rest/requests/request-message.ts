import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type FieldMask, FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { isFieldMask, parseFieldMask } from "./field-mask.ts";
import type { PathVariables } from "./path-template.ts";

/** The parts of a request message in an HTTP request. */
export interface RequestParts {
  variables: PathVariables;
  query: readonly (readonly [name: string, value: string])[];
  /** The body as HttpRule names it: "*" for the whole message, a field's name, "" for none. */
  bodyField: string;
  /** The parsed body; undefined when none was sent. */
  body: JsonValue | undefined;
}

/** Longest piece of the JSON reader's error that is passed on, in characters: it quotes the request. */
const QUOTED_MAX_CHARS = 300;

/**
 * The message that path, query and body make together, read as protobuf JSON. Throws `invalid_argument` with the field for a
 * name that no field has, for a field that is given twice with different values, and for values of another type. Nothing
 * unknown is ignored.
 */
export function toRequestMessage(method: DescMethod, parts: RequestParts): Message {
  const { input } = method;
  const json = toBodyObject(input, parts);
  for (const [path, value] of parts.variables) setField(json, findPath(input, path), value);
  for (const [name, value] of parts.query) addParameter(json, parts, { input, name, value });
  const masks = takeMasks(input, json);
  const message = readJson(input, json) as Message & Record<string, unknown>;
  for (const [field, mask] of masks) message[field.localName] = mask;
  return message;
}

function toBodyObject(input: DescMessage, { body, bodyField }: RequestParts): JsonObject {
  if (body === undefined) return {};
  if (bodyField !== "*") return { [requireField(input, bodyField).jsonName]: body };
  if (isObject(body)) return body;
  throw toMalformed(`the body is no JSON object; ${input.typeName} is one`);
}

function addParameter(
  json: JsonObject,
  { bodyField, variables }: RequestParts,
  { input, name, value }: { input: DescMessage; name: string; value: string },
): void {
  const path = findParameter(input, name);
  const [first] = path ?? [];
  const isInBody = bodyField === "*" || first?.name === bodyField;
  if (path === undefined || first === undefined || isInBody || variables.has(toName(path))) {
    const shown = JSON.stringify(name.slice(0, 100));
    throw invalidArgument(name.slice(0, 100), `${shown} is no query parameter of this route`);
  }
  setField(json, path, value);
}

/** The fields that a dotted name leads through, each named by its JSON or its proto name; undefined when it leads nowhere. */
function findParameter(input: DescMessage, name: string): DescField[] | undefined {
  const path: DescField[] = [];
  let message: DescMessage | undefined = input;
  for (const part of name.split(".")) {
    const field: DescField | undefined = message?.fields.find((one) => one.jsonName === part || one.name === part);
    if (field === undefined) return undefined;
    path.push(field);
    message = field.fieldKind === "message" ? field.message : undefined;
  }
  return path;
}

function findPath(input: DescMessage, path: string): DescField[] {
  const found = findParameter(input, path);
  if (found === undefined) throw new Error(`the route's template names ${path}, which ${input.typeName} lacks`);
  return found;
}

function requireField(message: DescMessage, name: string): DescField {
  const field = message.fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(`the route's body is ${name}, which ${message.typeName} lacks`);
  return field;
}

function setField(json: JsonObject, path: readonly DescField[], text: string): void {
  const [field, ...rest] = path as [DescField, ...DescField[]];
  const before = json[field.jsonName] ?? json[field.name];
  if (rest.length > 0) {
    const inner = before ?? {};
    if (!isObject(inner)) throw toMalformed(`${field.jsonName} is no JSON object`, field.name);
    delete json[field.name];
    json[field.jsonName] = inner;
    setField(inner, rest, text);
    return;
  }
  const value = toJsonValue(field, text);
  if (field.fieldKind === "list") {
    json[field.jsonName] = [...(Array.isArray(before) ? before : []), value];
  } else if (before === undefined || before === null || before === value) {
    delete json[field.name];
    json[field.jsonName] = value;
  } else throw invalidArgument(field.name, `${field.jsonName} is given twice, with different values; give it once`);
}

/** The JSON of a value that is text in a URL. Messages are allowed only if JSON writes them as text: times and the like. */
function toJsonValue(field: DescField, text: string): JsonValue {
  const scalar = field.fieldKind === "scalar" || field.fieldKind === "list" ? field.scalar : undefined;
  if (scalar === ScalarType.BOOL) {
    if (text === "true" || text === "false") return text === "true";
    const shown = JSON.stringify(text.slice(0, 100));
    throw invalidArgument(field.name, `${field.jsonName} is ${shown}; it is true or false`);
  }
  const isEnum = field.fieldKind === "enum" || (field.fieldKind === "list" && field.listKind === "enum");
  return isEnum && /^-?\d{1,10}$/.test(text) ? Number(text) : text;
}

/** Takes the masks out of the JSON: their paths follow other rules than protobuf's JSON. */
function takeMasks(input: DescMessage, json: JsonObject): [DescField, FieldMask][] {
  const resource = input.fields.find(
    (field) => field.fieldKind === "message" && !field.message.typeName.startsWith("google."),
  )?.message;
  return input.fields.filter(isFieldMask).flatMap((field): [DescField, FieldMask][] => {
    const text = json[field.jsonName] ?? json[field.name];
    delete json[field.jsonName];
    delete json[field.name];
    if (text === undefined || text === null) return [];
    if (typeof text === "string") return [[field, create(FieldMaskSchema, { paths: parseFieldMask(text, resource) })]];
    throw toMalformed(`${field.jsonName} is no text of names separated by commas`, field.name);
  });
}

function readJson(schema: DescMessage, json: JsonObject): Message {
  try {
    return fromJson(schema, json, { ignoreUnknownFields: false });
  } catch (error) {
    const why = (error as Error).message.slice(0, QUOTED_MAX_CHARS);
    const [, unknown, field] = /key "([^"]*)" is unknown|field [\w.]+\.(\w+) from JSON/.exec(why) ?? [];
    throw toMalformed(why, unknown ?? field);
  }
}

function toMalformed(why: string, field?: string): DomainError {
  return new DomainError("invalid_argument", `the request cannot be read: ${why}`, {
    reason: "MESSAGE_MALFORMED",
    ...(field !== undefined && { field }),
  });
}

function toName(path: readonly DescField[]): string {
  return path.map(({ name }) => name).join(".");
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
