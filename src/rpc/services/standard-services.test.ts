import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { expect } from "chai";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { findTool, TOOLS } from "../../testing/rigs/tools/find-tool.ts";
import { catchError, sampleFile } from "../../testing/samples/sample-records.ts";

const AUTHORIZED = { headers: { authorization: `Bearer ${API_TOKEN}` } };
const PROTO = fileURLToPath(new URL("../../../proto", import.meta.url));

describe("the standard services", () => {
  let server: ApiServer;

  beforeEach(async () => {
    server = await openApiServer({ fileQueries: { getFile: async () => sampleFile() } });
  });

  afterEach(async () => {
    await server.close({ graceMs: 0 });
  });

  const transport = () => createGrpcTransport({ baseUrl: server.url });

  describe("health", () => {
    it("says without a token whether the replica and its services can work", async () => {
      const client = createClient(Health, transport());
      for (const service of ["", "sluice.v1.UploadService"]) {
        expect((await client.check({ service })).status).to.equal(Status.SERVING);
      }
      server.readiness.report("database", "does not answer");
      expect((await client.check({})).status).to.equal(Status.NOT_SERVING);
      const { statuses } = await client.list({});
      expect(Object.keys(statuses)).to.have.members([
        "",
        "sluice.v1.UploadService",
        "sluice.v1.FileQueryService",
        "sluice.v1.FileCommandService",
        "sluice.v1.NamespaceService",
        "sluice.v1.EventService",
        "sluice.v1.AuditService",
        "sluice.v1.PrivacyService",
        "sluice.v1.JobService",
        "sluice.v1.ConfigurationService",
      ]);
      const serving = Object.keys(statuses).filter((name) => statuses[name]?.status === Status.SERVING);
      expect(serving, "what needs no database").to.deep.equal(["sluice.v1.ConfigurationService"]);
    });

    it("serves what needs no storage while storage is away, and tells the watchers of the service that does", async () => {
      const client = createClient(Health, transport());
      const seen: Status[] = [];
      for await (const { status } of client.watch({ service: "sluice.v1.UploadService" })) {
        seen.push(status);
        if (seen.length === 1) server.readiness.degrade("storage", "does not answer");
        if (seen.length === 2) {
          for (const service of ["", "sluice.v1.FileQueryService", "sluice.v1.FileCommandService"]) {
            expect((await client.check({ service })).status, service).to.equal(Status.SERVING);
          }
          server.readiness.degrade("storage", undefined);
        }
        if (seen.length === 3) break;
      }
      expect(seen).to.deep.equal([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
    });

    it("does not know other services", async () => {
      const client = createClient(Health, transport());
      expect(await catchError(() => client.check({ service: "other" }))).to.include({ code: Code.NotFound });
    });

    it("sends changes to watchers, and ends their streams when it drains", async () => {
      const seen: Status[] = [];
      for await (const { status } of createClient(Health, transport()).watch({})) {
        seen.push(status);
        if (seen.length === 1) server.readiness.report("database", "does not answer");
        if (seen.length === 2) server.readiness.report("database", undefined);
        if (seen.length === 3) server.readiness.drain();
      }
      expect(seen).to.deep.equal([Status.SERVING, Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]);
    });

    it("keeps the stream of an unknown service open, and lets watchers leave", async () => {
      const abort = new AbortController();
      const seen: Status[] = [];
      const error = await catchError(async () => {
        const watched = createClient(Health, transport()).watch({ service: "other" }, { signal: abort.signal });
        for await (const { status } of watched) {
          seen.push(status);
          server.readiness.report("database", "does not answer");
          setImmediate(() => abort.abort());
        }
      });
      expect(seen).to.deep.equal([Status.SERVICE_UNKNOWN]);
      expect(error).to.include({ code: Code.Canceled });
    });
  });

  for (const [version, service] of [
    ["v1", ServerReflection],
    ["v1alpha", ServerReflectionAlpha],
  ] as const) {
    describe(`reflection ${version}`, () => {
      type Question = { case: string; value: unknown };

      /** Asks several questions on one stream. */
      async function ask(...questions: Question[]) {
        async function* requests() {
          for (const messageRequest of questions) yield { host: "h", messageRequest: messageRequest as never };
        }
        const answers = [];
        const client = createClient(service as typeof ServerReflection, transport());
        for await (const answer of client.serverReflectionInfo(requests(), AUTHORIZED)) {
          expect([answer.validHost, answer.originalRequest?.host]).to.deep.equal(["h", "h"]);
          answers.push(answer.messageResponse);
        }
        return answers;
      }

      const filesOf = (answer: unknown) =>
        (answer as { value: { fileDescriptorProto: Uint8Array[] } }).value.fileDescriptorProto.map(
          (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
        );

      it("lists every service", async () => {
        const [answer] = await ask({ case: "listServices", value: "*" });
        const { service: services } = answer!.value as { service: { name: string }[] };
        expect(services.map(({ name }) => name)).to.deep.equal([
          "grpc.health.v1.Health",
          "grpc.reflection.v1.ServerReflection",
          "grpc.reflection.v1alpha.ServerReflection",
          "sluice.v1.AuditService",
          "sluice.v1.ConfigurationService",
          "sluice.v1.EventService",
          "sluice.v1.FileCommandService",
          "sluice.v1.FileQueryService",
          "sluice.v1.JobService",
          "sluice.v1.NamespaceService",
          "sluice.v1.PrivacyService",
          "sluice.v1.UploadService",
        ]);
      });

      it("gives the file of a symbol first, then its imports, each once a stream", async () => {
        const [first, second, byName] = await ask(
          { case: "fileContainingSymbol", value: "sluice.v1.FileQueryService" },
          { case: "fileContainingSymbol", value: "sluice.v1.UploadService.WriteUpload" },
          { case: "fileByFilename", value: "sluice/v1/file.proto" },
        );
        expect(filesOf(first)).to.deep.equal([
          "sluice/v1/file_query_service.proto",
          "sluice/v1/link.proto",
          "sluice/v1/file.proto",
          "google/protobuf/timestamp.proto",
          "google/api/annotations.proto",
          "google/protobuf/descriptor.proto",
          "google/api/http.proto",
        ]);
        expect(filesOf(second)).to.deep.equal([
          "sluice/v1/upload_service.proto",
          "sluice/v1/upload_token.proto",
          "google/protobuf/duration.proto",
        ]);
        expect(filesOf(byName)).to.deep.equal(["sluice/v1/file.proto"]);
      });

      it("finds messages, fields, oneofs and enums, and the details of errors", async () => {
        for (const symbol of [
          "sluice.v1.File",
          "sluice.v1.File.path",
          "sluice.v1.WriteUploadRequest.message",
          "sluice.v1.UploadState",
          "google.rpc.ErrorInfo",
        ]) {
          const [answer] = await ask({ case: "fileContainingSymbol", value: symbol });
          expect(answer?.case, symbol).to.equal("fileDescriptorResponse");
        }
      });

      it("answers what it does not know with an error, and goes on", async () => {
        const answers = await ask(
          { case: "fileByFilename", value: "nope.proto" },
          { case: "fileContainingSymbol", value: "sluice.v1.UploadService.Nope" },
          { case: "fileContainingSymbol", value: "sluice.v1.File.nope" },
          { case: "fileContainingSymbol", value: "sluice.v1.UploadState.nope" },
          { case: "fileContainingSymbol", value: "nope" },
          { case: "allExtensionNumbersOfType", value: "nope" },
          { case: "fileContainingExtension", value: { containingType: "sluice.v1.File", extensionNumber: 1 } },
        );
        for (const { case: kind, value } of answers) {
          expect([kind, (value as { errorCode: number }).errorCode]).to.deep.equal(["errorResponse", Code.NotFound]);
        }
        const [numbers, nothing] = await ask(
          { case: "allExtensionNumbersOfType", value: "sluice.v1.File" },
          undefined as unknown as Question,
        );
        expect(numbers?.value).to.deep.include({ baseTypeName: "sluice.v1.File", extensionNumber: [] });
        expect(nothing?.value).to.include({ errorCode: Code.InvalidArgument });
      });

      it("needs the token", async () => {
        async function* requests() {
          yield {};
        }
        const error = await catchError(async () => {
          const client = createClient(service as typeof ServerReflection, transport());
          for await (const _ of client.serverReflectionInfo(requests())) expect.fail("no answer without a token");
        });
        expect(Code[(error as ConnectError).code]).to.equal("Unauthenticated");
      });
    });
  }

  it("serve a grpc-js client, its errors with their details", async () => {
    const definition = loadSync("sluice/v1/file_query_service.proto", { includeDirs: [PROTO], longs: String });
    const sluice = grpc.loadPackageDefinition(definition).sluice as grpc.GrpcObject;
    const Client = (sluice.v1 as grpc.GrpcObject).FileQueryService as grpc.ServiceClientConstructor;
    const client = new Client(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
    type Callback = (error: grpc.ServiceError | null, answer?: { file: { sizeBytes: string } }) => void;
    const getFile = (token: string | undefined) => {
      const metadata = new grpc.Metadata();
      if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
      return new Promise<{ error: grpc.ServiceError | null; sizeBytes: string | undefined }>((resolve) => {
        const callback: Callback = (error, answer) => resolve({ error, sizeBytes: answer?.file.sizeBytes });
        client.getFile?.({ namespace: "default", path: "a" }, metadata, callback);
      });
    };
    expect(await getFile(API_TOKEN)).to.deep.equal({ error: null, sizeBytes: "43" });
    const { error } = await getFile(undefined);
    expect(error?.code).to.equal(grpc.status.UNAUTHENTICATED);
    expect(error?.metadata.get("grpc-status-details-bin")).to.have.length(1);
    client.close();
  });

  it("let grpcurl list and call without any proto", async function () {
    const found = await findTool(TOOLS.grpcurl);
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    const grpcurl = (...args: string[]) =>
      promisify(execFile)(found.program, ["-plaintext", "-H", `authorization: Bearer ${API_TOKEN}`, ...args]);
    const { stdout } = await grpcurl(`127.0.0.1:${server.port}`, "list", "sluice.v1.FileQueryService");
    expect(stdout.trim().split("\n")).to.include("sluice.v1.FileQueryService.ReadFile");
    const answer = await grpcurl(
      ...["-d", '{"namespace":"default","path":"a"}', `127.0.0.1:${server.port}`],
      "sluice.v1.FileQueryService/GetFile",
    );
    expect(JSON.parse(answer.stdout).file.sizeBytes).to.equal("43");
  });
});
