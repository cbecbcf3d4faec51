import { readFileSync } from "node:fs";
import { getOption, type JsonObject } from "@bufbuild/protobuf";
import { Validator } from "@seriousme/openapi-schema-validator";
import { expect } from "chai";
import { http } from "../../../gen/google/api/annotations_pb.ts";
import { AuditService } from "../../../gen/sluice/v1/audit_service_pb.ts";
import { ConfigurationService } from "../../../gen/sluice/v1/configuration_service_pb.ts";
import { EventService } from "../../../gen/sluice/v1/event_service_pb.ts";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { JobService } from "../../../gen/sluice/v1/job_service_pb.ts";
import { NamespaceService } from "../../../gen/sluice/v1/namespace_service_pb.ts";
import { PrivacyService } from "../../../gen/sluice/v1/privacy_service_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";

const text = readFileSync(new URL("../../../gen/openapi.json", import.meta.url), "utf8");
const document = JSON.parse(text);
const FILE = "/v1/namespaces/{namespace}/files/{path}";
const { schemas } = document.components;

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    expect(await validator.validate(JSON.parse(text))).to.deep.equal({ valid: true });
    expect(validator.version).to.equal("3.1");
  });

  it("refers to nothing that it lacks", () => {
    const missing = [...text.matchAll(/"\$ref": "#\/([^"]+)"/g)].filter(([, path = ""]) => {
      let found: unknown = document;
      for (const name of path.split("/")) found = (found as Record<string, unknown> | undefined)?.[name];
      return found === undefined;
    });
    expect(missing).to.deep.equal([]);
  });

  it("has every method that has a route, and says what each of them does", () => {
    const operations = listOperations();
    const services = [
      ...[UploadService, FileQueryService, FileCommandService, NamespaceService],
      ...[EventService, AuditService, PrivacyService, JobService, ConfigurationService],
    ];
    const routed = services.flatMap((service) =>
      service.methods.filter((method) => getOption(method, http).pattern.case !== undefined),
    );
    const byHand = ["PutFile", "PutPart", "OpenLink", "Livez", "Readyz"];
    expect(operations.map(({ operationId }) => operationId)).to.have.members([
      ...routed.map(({ name }) => name),
      ...byHand,
    ]);
    for (const { summary } of operations) expect(summary).to.be.a("string").and.not.equal("");
  });

  it("has both forms of a watch of events", () => {
    const { parameters, responses } = document.paths["/v1/namespaces/{namespace}/events:watch"].get;
    expect(Object.keys(responses[200].content)).to.have.members(["application/x-ndjson", "text/event-stream"]);
    expect(parameters.map((one: { name: string }) => one.name)).to.include("Last-Event-ID");
  });

  it("has each variable of a path as a parameter of it, once", () => {
    for (const [path, operations] of Object.entries<Record<string, JsonObject>>(document.paths)) {
      const variables = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values(operations)) {
        const parameters = (operation.parameters ?? []) as { in?: string; name: string }[];
        expect(parameters.filter((one) => one.in === "path").map(({ name }) => name)).to.have.members(variables);
      }
    }
  });

  it("takes a field where the annotation puts it: path, query or body", () => {
    const query = document.paths["/v1/namespaces/{namespace}/files"].get.parameters;
    const names = query.filter((one: { in: string }) => one.in === "query").map((one: { name: string }) => one.name);
    expect(names).to.include.members(["prefix", "pageSize", "pageToken", "showDeleted", "filter", "orderBy"]);
    expect(Object.keys(schemas.UndeleteFileRequest.properties)).to.deep.equal(["requestId", "generation", "etag"]);
    const patch = document.paths[FILE].patch;
    expect(patch.requestBody.content["application/json"].schema.$ref).to.equal("#/components/schemas/FileInput");
    expect(patch.parameters.filter(({ in: where }: { in: string }) => where === "query")).to.have.lengthOf(2);
  });

  it("says which answers carry a position, and which requests go by one", () => {
    const operations = listOperations();
    const idsOf = (isOne: (operation: Operation) => boolean) =>
      operations.filter(isOne).map(({ operationId }) => operationId);
    const written = ["PutFile", "CompleteUpload"];
    const changed = FileCommandService.methods.map(({ name }) => name).filter((name) => name !== "CreateDownloadUrl");
    expect(idsOf(({ responses }) => JSON.stringify(responses).includes('"Sluice-Position"'))).to.have.members([
      ...written,
      ...changed,
    ]);
    expect(idsOf(({ parameters }) => JSON.stringify(parameters ?? []).includes("parameters/Position"))).to.have.members(
      [...FileQueryService.methods.map(({ name }) => name), "CreateDownloadUrl"],
    );
  });

  it("bounds fields as their comments do, and writes numbers, bytes and times as protobuf's JSON does", () => {
    const { properties, required } = schemas.File;
    expect(properties.sizeBytes).to.include({ type: "string", format: "int64" });
    expect(properties.sha256).to.include({ type: "string", contentEncoding: "base64" });
    expect(properties.createTime).to.include({ type: "string", format: "date-time" });
    expect(properties.path).to.include({ minLength: 1, maxLength: 1024 });
    expect(properties.labels).to.deep.include({ maxProperties: 64, additionalProperties: { type: "string" } });
    expect(properties.fileId.format).to.equal("uuid");
    expect(required).to.include.members(["path", "sizeBytes", "labels"]).and.not.include("deleteTime");
    expect(schemas.PartToSignInput.properties.partNumber).to.include({ minimum: 1, maximum: 10_000 });
    expect(schemas.WritePartRequest.properties.data.maxLength).to.equal(4 * Math.ceil(2 ** 24 / 3));
    expect(schemas.SignPartsRequest.properties.lifetime.pattern).to.contain("s$");
    expect(schemas.GenerateConfigurationRequest.properties.settings.maxLength).to.equal(2 ** 16);
  });

  it("has a field for every body, and no default that Swagger UI would send along", () => {
    for (const { operationId, requestBody, parameters = [] } of listOperations()) {
      for (const [type, body] of Object.entries(requestBody?.content ?? {})) {
        expect(body, `${operationId} ${type}`).to.have.property("schema");
      }
      for (const { name, schema } of parameters)
        expect(schema ?? {}, `${operationId} ${name}`).not.to.have.property("default");
    }
  });

  it("requires what the comments call required, but for what a header may say", () => {
    expect(schemas.WritePartRequest.required).to.deep.equal(["partNumber", "crc32"]);
    expect(schemas.CompleteUploadRequest).not.to.have.property("required");
  });

  it("marks what the service alone sets in what callers send", () => {
    expect(schemas.FileInput.properties.generation.readOnly).to.equal(true);
    expect(schemas.FileInput.properties.labels).not.to.have.property("readOnly");
    expect(schemas.FileInput.additionalProperties).to.equal(false);
  });

  it("has a stream as lines of JSON, the last of which may be a problem", () => {
    const { 200: ok } = document.paths[`${FILE}:read`].get.responses;
    expect(ok.content).to.have.all.keys("application/x-ndjson");
    const { oneOf } = ok.content["application/x-ndjson"].schema;
    expect(oneOf[1].properties.error.$ref).to.equal("#/components/schemas/Problem");
  });

  it("has every status that readiness answers", () => {
    const { 200: ready, 503: unready } = document.paths["/readyz"].get.responses;
    const statusesOf = (answer: typeof ready) => answer.content["application/json"].schema.properties.status.enum;
    expect([statusesOf(ready), statusesOf(unready)]).to.deep.equal([["ready", "degraded"], ["not ready"]]);
  });

  it("closes the list of reasons, and needs a token for all but the probes", () => {
    expect(schemas.Problem.properties.reason.enum).to.include.members(["FILE_NOT_FOUND", "ROUTE_NOT_FOUND"]);
    expect(document.security).to.deep.equal([{ bearer: [] }]);
    const open = listOperations().filter(({ security }) => security !== undefined);
    expect(open.map(({ operationId }) => operationId)).to.have.members(["OpenLink", "Livez", "Readyz"]);
  });
});

interface Operation {
  operationId: string;
  summary: string;
  security?: unknown;
  parameters?: { name: string; schema?: object }[];
  requestBody?: { content: Record<string, object> };
  responses?: unknown;
}

function listOperations(): Operation[] {
  return Object.values<object>(document.paths).flatMap((operations) => Object.values(operations));
}
