import { type DescFile, getOption, type JsonObject } from "@bufbuild/protobuf";
import { http } from "../../../gen/google/api/annotations_pb.ts";
import { addByteRoutes } from "./add-byte-routes.ts";
import { addEventStream } from "./add-event-stream.ts";
import { createOperation, POSITION } from "./create-operation.ts";
import { describe } from "./describe.ts";
import { addExample } from "./examples.ts";
import { MessageSchemas } from "./message-schemas.ts";
import { createProblemResponses, createProblemSchema } from "./problem-responses.ts";

const ABOUT =
  "Sluice streams files into S3, keeps their metadata in PostgreSQL, and gives both back. This is the HTTP form of the " +
  "methods, which are also served over gRPC, gRPC-web and Connect. HEAD is served wherever GET is, and OPTIONS everywhere. " +
  "Numbers of 64 bits are strings, bytes are base64, times are RFC 3339 in UTC, and durations are seconds followed by an s.";

/** Headers that several operations take. */
const PARAMETERS = {
  IdempotencyKey: toHeader("Idempotency-Key", {
    description: "The request_id, if the request has none in its body: a UUID that makes the call repeatable for 24 h.",
    schema: { type: "string", format: "uuid" },
  }),
  IfMatch: toHeader("If-Match", {
    description:
      "The request succeeds only if what it changes or reads has this entity tag; otherwise the answer is 412.",
    schema: { type: "string", pattern: '^(\\*|"[!#-~]+")$' },
  }),
  IfNoneMatch: toHeader("If-None-Match", {
    description: "The answer is 304 if what it would show has this entity tag.",
    schema: { type: "string", pattern: '^(\\*|(W/)?"[!#-~]+")$' },
  }),
  Position: toHeader("Sluice-Position", {
    description:
      "The Sluice-Position that a command answered: the answer then shows the change of that command, at any replica.",
    schema: POSITION.schema,
  }),
};

/** Makes the OpenAPI document of these files' annotated methods and of the byte routes. */
export function createDocument(
  files: readonly DescFile[],
  { version, reasons }: { version: string; reasons: readonly string[] },
): JsonObject {
  const services = files.flatMap((file) => file.services);
  const schemas = new MessageSchemas();
  const paths: Record<string, JsonObject> = {};
  for (const method of services.flatMap((service) => service.methods)) {
    const rule = getOption(method, http);
    for (const binding of [rule, ...rule.additionalBindings]) {
      const { case: kind, value } = binding.pattern;
      if (kind === undefined) continue;
      const [verb, template] = kind === "custom" ? [value.kind.toLowerCase(), value.path] : [kind, value];
      const path = template.replace(/\{(?:[a-z0-9_]+\.)*([a-z0-9_]+)(?:=\*\*)?\}/g, "{$1}");
      const operations = paths[path] ?? {};
      paths[path] = operations;
      if (operations[verb] !== undefined) throw new Error(`two methods are served at ${verb} ${path}`);
      operations[verb] = createOperation(method, binding, schemas);
    }
  }
  addByteRoutes(paths);
  addEventStream(paths);
  for (const operation of Object.values(paths).flatMap((one) => Object.values(one)))
    addExample(operation as JsonObject);
  return {
    openapi: "3.1.0",
    info: { title: "Sluice", version, description: ABOUT, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    tags: services
      .filter((service) => service.methods.some((method) => getOption(method, http).pattern.case !== undefined))
      .map((service) => ({ name: service.name, description: describe(service) }))
      .concat({
        name: "Probes",
        description: "Tell whether the process answers and can do its work. They are open to everyone.",
      }),
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: { ...schemas.components, Problem: createProblemSchema(reasons) },
      responses: createProblemResponses(),
      parameters: PARAMETERS,
      securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "The token of the caller." } },
    },
  };
}

function toHeader(name: string, rest: { description: string; schema: JsonObject }): JsonObject {
  return { name, in: "header", ...rest };
}
