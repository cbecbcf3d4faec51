import type { JsonObject } from "@bufbuild/protobuf";
import { POSITION } from "./create-operation.ts";
import { EXAMPLE_TEXT } from "./examples.ts";
import { COMMON_REFUSALS, toRefusals } from "./problem-responses.ts";

const FILE = "/v1/namespaces/{namespace}/files/{path}";
const PART = "/v1/namespaces/{namespace}/uploads/{upload_id}/parts/{part_number}";
const TEXT = { type: "string" } as const;
/** The schema is needed: Swagger UI shows a field for a file only when there is one. */
const BYTES = { "application/octet-stream": { schema: { type: "string", format: "binary" } } } as const;
const DIGEST = { type: "string", pattern: "^sha-256=:[A-Za-z0-9+/]{43}=:$" } as const;
const CRC32 = { type: "string", pattern: "^[0-9a-fA-F]{8}$" } as const;

const PROVEN = [
  inHeader(
    "X-Sluice-Crc32",
    "CRC32 of the body, eight hexadecimal digits; it is compared with the bytes that came.",
    CRC32,
  ),
  inHeader("Content-Digest", "SHA-256 of the body (RFC 9530); it is compared with the bytes that came.", DIGEST),
];

const PUT_FILE: JsonObject = {
  operationId: "PutFile",
  summary: "Writes a file",
  description:
    "The body becomes the file, as it comes, with or without a Content-Length. Besides the headers here, X-Sluice-Meta-NAME " +
    "and X-Sluice-Label-NAME give metadata and labels. When a request that was cut short is sent again under the same " +
    "Idempotency-Key, it resumes after the durable bytes.",
  tags: ["UploadService"],
  parameters: [
    reference("IdempotencyKey"),
    reference("IfMatch"),
    inHeader("If-None-Match", "* writes only when there is no file; otherwise the answer is 412.", {
      type: "string",
      enum: ["*"],
    }),
    inHeader("X-Sluice-Data-Subject", "The person whom the bytes are about, as an opaque id of at most 256 bytes.", {
      type: "string",
      maxLength: 256,
    }),
    inHeader("Want-Repr-Digest", "sha-256=1 to 10 has the SHA-256 of the file computed and kept.", {
      type: "string",
      pattern: "^sha-256=([1-9]|10)$",
    }),
    ...PROVEN,
  ],
  requestBody: {
    required: false,
    description: "The bytes of the file, with these media types or any other.",
    content: { "text/plain": { schema: TEXT, example: EXAMPLE_TEXT }, ...BYTES },
  },
  responses: {
    200: toWritten("The file was replaced; the answer is its new generation."),
    201: toWritten("There was no file; the answer is the new one."),
    ...toRefusals([...COMMON_REFUSALS, 413, 415]),
  },
};

const LINK_PAGE = { "text/html": { schema: TEXT } } as const;

const OPEN_LINK: JsonObject = {
  operationId: "OpenLink",
  summary: "Gives the file of a link",
  description:
    "This needs no token but the link's. Each answer of 302 uses the link once; HEAD describes the file and uses nothing.",
  tags: ["FileCommandService"],
  security: [],
  parameters: [
    {
      name: "token",
      in: "path",
      required: true,
      description: "The token in the URL that CreateLink answered.",
      schema: TEXT,
    },
  ],
  responses: {
    302: {
      description: "The file is at Location, for a minute.",
      headers: { Location: toHeader("A presigned URL of S3.") },
    },
    404: { description: "Nobody made such a link, or its file is not there.", content: LINK_PAGE },
    410: { description: "The link has expired, was revoked, or is used up.", content: LINK_PAGE },
    503: {
      description: "The link cannot be opened now; try again after Retry-After.",
      headers: { "Retry-After": toHeader("Seconds to wait.") },
      content: LINK_PAGE,
    },
  },
};

const PUT_PART: JsonObject = {
  operationId: "PutPart",
  summary: "Writes one part of an upload",
  description:
    "Does WritePart with the part as the body. Without a digest, only the way from the service to S3 is proven.",
  tags: ["UploadService"],
  parameters: PROVEN,
  requestBody: { required: true, description: "The bytes of the part, at most 16 MiB.", content: BYTES },
  responses: {
    200: {
      description: "The part is durable.",
      content: { "application/json": { schema: { $ref: "#/components/schemas/WritePartResponse" } } },
    },
    ...toRefusals([...COMMON_REFUSALS, 413, 415]),
  },
};

// No parameter has a default: Swagger UI sends defaults along, and without alt=media the service refuses these parameters.
const MEDIA_PARAMETERS: JsonObject[] = [
  inQuery(
    "alt",
    "The form of the answer: json (the file's metadata; this is the default) or media (the file's bytes).",
    {
      type: "string",
      enum: ["json", "media"],
    },
  ),
  inQuery("redirect", "Only with alt=media: false sends the bytes through the service instead of a redirect to S3.", {
    type: "boolean",
  }),
  inQuery("inline", "Only with alt=media: lets a browser show the file instead of saving it.", { type: "boolean" }),
  inQuery(
    "downloadName",
    "Only with alt=media: name to save the file under. When empty, it is the path's last segment.",
    {
      type: "string",
      maxLength: 255,
    },
  ),
  inHeader("Range", "Only with redirect=false: one range of bytes (RFC 9110, 14.2).", TEXT),
];

const MEDIA_HEADERS: JsonObject = {
  ETag: toHeader("Entity tag of the bytes; it stays when only metadata changes."),
  "Content-Disposition": toHeader("Whether to save or show the file, and under which name."),
  "X-Sluice-Crc32": { description: "CRC32 of all bytes, eight hexadecimal digits.", schema: CRC32 },
  "Repr-Digest": toHeader("SHA-256 of all bytes, when it is known (RFC 9530)."),
};

/**
 * Adds the operations that no annotation describes: the routes whose bodies are bytes of files, beside the methods at the
 * same paths, and the probes.
 */
export function addByteRoutes(paths: Record<string, JsonObject>): void {
  const file = requirePath(paths, FILE);
  const get = file.get as JsonObject & { parameters: JsonObject[]; responses: Record<string, JsonObject> };
  const names = get.parameters.filter((parameter) => parameter.in === "path");
  get.description = `${get.description} With alt=media the answer is a redirect to the bytes in S3 or, with redirect=false, the bytes themselves.`;
  get.parameters = [...get.parameters, ...MEDIA_PARAMETERS];
  const metadata = get.responses[200] as JsonObject;
  get.responses = {
    ...get.responses,
    200: { ...metadata, content: { ...(metadata.content as JsonObject), "*/*": {} } },
    206: { description: "The range that was asked for.", headers: MEDIA_HEADERS, content: { "*/*": {} } },
    302: {
      description: "The bytes are at this presigned URL. Whoever holds the URL can read them: treat it as a secret.",
      headers: { Location: toHeader("The URL. It works for GET alone, because its signature covers the method.") },
    },
    ...toRefusals([416]),
  };
  file.put = { ...PUT_FILE, parameters: [...names, ...(PUT_FILE.parameters as JsonObject[])] };
  const upload = requirePath(paths, "/v1/namespaces/{namespace}/uploads/{upload_id}").get as {
    parameters: JsonObject[];
  };
  const number = { type: "integer", minimum: 1, maximum: 10_000 };
  const partNumber = { name: "part_number", in: "path", required: true, description: "From 1.", schema: number };
  paths[PART] = {
    put: { ...PUT_PART, parameters: [...upload.parameters, partNumber, ...(PUT_PART.parameters as JsonObject[])] },
  };
  paths["/l/{token}"] = { get: OPEN_LINK };
  paths["/livez"] = { get: toProbe("Livez", "Tells whether the process answers.", ["live"]) };
  paths["/readyz"] = { get: toProbe("Readyz", READYZ, ["ready", "degraded"]) };
  const problem = {
    type: "object",
    required: ["component", "since"],
    properties: {
      component: TEXT,
      since: { type: "string", format: "date-time" },
      problem: TEXT,
      namespaces: { type: "array", items: TEXT },
    },
  };
  const problems = { type: "array", items: problem };
  const unready = toStatus(["not ready"], { problems });
  (paths["/readyz"].get as { responses: JsonObject }).responses[503] = {
    description:
      "The service cannot do its work. The field problems names the components that cannot, and since when. A caller with a token is told why, and for which namespaces.",
    content: { "application/json": { schema: unready } },
  };
}

const READYZ =
  "Tells whether the service can do its work. A degraded one can do some of it: the field problems is then as in the answer 503.";

function requirePath(paths: Record<string, JsonObject>, path: string): JsonObject {
  const found = paths[path];
  if (found === undefined) throw new Error(`no method is served at ${path}, to which byte routes are added`);
  return found;
}

function toWritten(description: string): JsonObject {
  return {
    description,
    headers: {
      ETag: toHeader("Entity tag of the file."),
      Location: toHeader("URL of the file."),
      "Sluice-Position": POSITION,
    },
    content: { "application/json": { schema: { $ref: "#/components/schemas/CompleteUploadResponse" } } },
  };
}

function toProbe(operationId: string, summary: string, statuses: readonly string[]): JsonObject {
  const content = { "application/json": { schema: toStatus(statuses, {}) } };
  return { operationId, summary, tags: ["Probes"], security: [], responses: { 200: { description: "Yes.", content } } };
}

function toStatus(statuses: readonly string[], others: JsonObject): JsonObject {
  return {
    type: "object",
    required: ["status", ...Object.keys(others)],
    properties: { status: { type: "string", enum: [...statuses] }, ...others },
  };
}

function reference(name: string): JsonObject {
  return { $ref: `#/components/parameters/${name}` };
}

function inHeader(name: string, description: string, schema: JsonObject): JsonObject {
  return { name, in: "header", description, schema };
}

function inQuery(name: string, description: string, schema: JsonObject): JsonObject {
  return { name, in: "query", description, schema };
}

function toHeader(description: string): JsonObject {
  return { description, schema: TEXT };
}
