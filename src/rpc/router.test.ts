import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { DomainError, invalidArgument } from "../domain/errors.ts";
import { API_TOKEN, type ApiFunctions, type ApiServer, openApiServer } from "../testing/rigs/service/api-server.ts";
import { createTlsCertificate, type TlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { catchError, SAMPLE_CALLER, sampleChunk, sampleFile, sampleUpload } from "../testing/samples/sample-records.ts";

const AUTHORIZED = { headers: { authorization: `Bearer ${API_TOKEN}` } };

type MakeTransport = (baseUrl: string, ca?: string) => Transport;
const tlsOptions = (ca: string | undefined) => (ca === undefined ? {} : { nodeOptions: { ca } });

const TRANSPORTS: Record<string, MakeTransport> = {
  "gRPC over HTTP/2": (baseUrl, ca) => createGrpcTransport({ baseUrl, ...tlsOptions(ca) }),
  "gRPC-web over HTTP/2": (baseUrl, ca) => createGrpcWebTransport({ baseUrl, httpVersion: "2", ...tlsOptions(ca) }),
  "gRPC-web over HTTP/1.1": (baseUrl, ca) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", ...tlsOptions(ca) }),
  "Connect over HTTP/2": (baseUrl, ca) => createConnectTransport({ baseUrl, httpVersion: "2", ...tlsOptions(ca) }),
  "Connect with JSON over HTTP/1.1": (baseUrl, ca) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false, ...tlsOptions(ca) }),
};

describe("the API", () => {
  let server: ApiServer | undefined;

  async function open(functions: ApiFunctions = {}, options: Parameters<typeof openApiServer>[1] = {}) {
    server = await openApiServer(functions, options);
    return server;
  }

  function expectReason(error: unknown, code: Code, reason: string): ConnectError {
    expect(error).to.be.instanceOf(ConnectError);
    const connectError = error as ConnectError;
    const [info] = connectError.findDetails(ErrorInfoSchema);
    expect([Code[connectError.code], info?.reason, info?.domain]).to.deep.equal([Code[code], reason, "sluice"]);
    return connectError;
  }

  afterEach(async () => {
    await server?.close({ graceMs: 0 });
    server = undefined;
  });

  for (const [name, makeTransport] of Object.entries(TRANSPORTS)) {
    describe(`over ${name}`, () => {
      const client = (url: string): Client<typeof FileQueryService> =>
        createClient(FileQueryService, makeTransport(url));

      it("answers a call that carries the token", async () => {
        const calls: unknown[] = [];
        const { url } = await open({
          fileQueries: {
            getFile: async (request, { caller }) => {
              calls.push(request, caller);
              return sampleFile();
            },
          },
        });
        const { file } = await client(url).getFile({ namespace: "default", path: "a", generation: 3n }, AUTHORIZED);
        expect(file).to.include({ path: sampleFile().path, sizeBytes: 43n, crc32: sampleFile().crc32 });
        expect(calls).to.deep.equal([{ namespace: "default", path: "a", generation: 3 }, SAMPLE_CALLER]);
      });

      it("refuses calls without the token or with another one", async () => {
        const { url } = await open();
        const missing = await catchError(() => client(url).getFile({}));
        expectReason(missing, Code.Unauthenticated, "TOKEN_MISSING");
        const headers = { authorization: "Bearer other" };
        const wrong = await catchError(() => client(url).getFile({}, { headers }));
        expectReason(wrong, Code.Unauthenticated, "TOKEN_INVALID");
        const streaming = await catchError(async () => {
          for await (const _ of client(url).readFile({})) expect.fail("no message without a token");
        });
        expectReason(streaming, Code.Unauthenticated, "TOKEN_MISSING");
      });

      it("tells a watcher without the token, or with another one, nothing of an upload", async () => {
        let watches = 0;
        const watchUpload = async function* () {
          watches++;
          yield* [];
        };
        const { url } = await open({ uploads: { watchUpload } });
        const uploads = createClient(UploadService, makeTransport(url));
        const watch = async (headers: Record<string, string>) => {
          for await (const _ of uploads.watchUpload(sampleUpload(), { headers })) expect.fail("nothing is told");
        };
        const refusals = { TOKEN_MISSING: {}, TOKEN_INVALID: { authorization: "Bearer other" } };
        for (const [reason, headers] of Object.entries(refusals)) {
          expectReason(await catchError(() => watch(headers)), Code.Unauthenticated, reason);
        }
        expect(watches).to.equal(0);
        await watch(AUTHORIZED.headers);
        expect(watches, "with the token it is watched").to.equal(1);
      });

      it("carries reason, metadata and field of an error", async () => {
        const { url } = await open({
          fileQueries: {
            getFile: async () => {
              throw invalidArgument("path", "path „a“ is too long", {
                reason: "PATH_INVALID",
                details: { path_bytes: 2000 },
              });
            },
          },
        });
        const failure = await catchError(() => client(url).getFile({}, AUTHORIZED));
        const error = expectReason(failure, Code.InvalidArgument, "PATH_INVALID");
        expect(error.rawMessage).to.equal("path „a“ is too long");
        expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).to.deep.equal({ path_bytes: "2000" });
        expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).to.equal("path");
        expect(server?.defects).to.deep.equal([]);
      });

      it("hides a defect and logs it once", async () => {
        const defect = new TypeError("secret of the database");
        const { url, defects } = await open({ fileQueries: { getFile: () => Promise.reject(defect) } });
        const error = await catchError(() => client(url).getFile({}, AUTHORIZED));
        expect(expectReason(error, Code.Internal, "INTERNAL").rawMessage).to.equal("internal error");
        expect(defects).to.deep.equal([{ error: defect, method: "sluice.v1.FileQueryService/GetFile" }]);
      });

      it("streams a file and then its error", async () => {
        const bytes = Buffer.alloc(200_000, 7);
        const { url } = await open({
          fileQueries: {
            readFile: async function* () {
              yield { kind: "header", file: sampleFile(), offset: 0, sizeBytes: 400_000 };
              yield sampleChunk(0, bytes.subarray(0, 70_000), bytes.subarray(70_000));
              throw new DomainError("data_loss", "the checksum differs", { reason: "CHECKSUM_MISMATCH" });
            },
          },
        });
        const cases: unknown[] = [];
        const error = await catchError(async () => {
          for await (const { message } of client(url).readFile({ offset: -1n, limitBytes: 0n }, AUTHORIZED)) {
            cases.push(message.case);
            if (message.case === "chunk") expect(Buffer.compare(message.value.data, bytes)).to.equal(0);
          }
        });
        expect(cases).to.deep.equal(["header", "chunk"]);
        expectReason(error, Code.DataLoss, "CHECKSUM_MISMATCH");
      });

      it("refuses an integer that no number holds, and names its field", async () => {
        const { url } = await open();
        const error = await catchError(() => client(url).getFile({ generation: 2n ** 60n }, AUTHORIZED));
        expect(expectReason(error, Code.InvalidArgument, "ARGUMENT_INVALID").rawMessage).to.contain("generation is");
      });

      it("refuses a message over the limit with a reason", async () => {
        const { url } = await open();
        const path = "a".repeat(5 * 1024 * 1024);
        const error = await catchError(() => client(url).getFile({ path }, AUTHORIZED));
        const { rawMessage } = expectReason(error, Code.ResourceExhausted, "MESSAGE_TOO_LARGE");
        expect(rawMessage).to.contain(String(1024 * 1024));
      });

      it("ends a call at its deadline, and tells the function to stop", async () => {
        const { promise: aborted, resolve } = Promise.withResolvers<void>();
        const { url, defects } = await open({
          fileQueries: {
            getFile: (_request, { signal }) =>
              new Promise((_, reject) => {
                signal.addEventListener("abort", () => {
                  resolve();
                  reject(new Error("interrupted"));
                });
              }),
          },
        });
        const error = await catchError(() => client(url).getFile({}, { ...AUTHORIZED, timeoutMs: 50 }));
        expect(Code[(error as ConnectError).code]).to.equal("DeadlineExceeded");
        await aborted;
        expect(defects, "an interrupted call is no defect").to.deep.equal([]);
      });
    });
  }

  describe("with a certificate", () => {
    let certificate: TlsCertificate | undefined;
    before(async function () {
      certificate = await createTlsCertificate();
      if (certificate === undefined) this.skip();
    });

    for (const [name, makeTransport] of Object.entries(TRANSPORTS)) {
      it(`answers ${name} under TLS`, async () => {
        const { url } = await open({ fileQueries: { getFile: async () => sampleFile() } }, { tls: certificate! });
        const client = createClient(FileQueryService, makeTransport(url, certificate!.cert));
        expect((await client.getFile({}, AUTHORIZED)).file?.generation).to.equal(3n);
      });
    }
  });

  describe("protobuf that is none", () => {
    const garbage = Buffer.from([0xff, 0xff, 0xff, 0xff]);
    const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, garbage.length]), garbage]);

    for (const [contentType, body] of [
      ["application/proto", garbage],
      ["application/json", Buffer.from('{"path": 5}')],
      ["application/json", Buffer.from("{")],
    ] as const) {
      it(`is an invalid argument with a reason in ${contentType}: ${body.toString("latin1")}`, async () => {
        const { url } = await open();
        const response = await fetch(`${url}/sluice.v1.FileQueryService/GetFile`, {
          method: "POST",
          headers: { ...AUTHORIZED.headers, "content-type": contentType },
          body,
        });
        const error = (await response.json()) as { code: string; details: { type: string }[] };
        expect([response.status, error.code]).to.deep.equal([400, "invalid_argument"]);
        expect(error.details[0]?.type).to.equal("google.rpc.ErrorInfo");
      });
    }

    it("is an invalid argument with a reason in gRPC-web", async () => {
      const { url } = await open();
      const response = await fetch(`${url}/sluice.v1.FileQueryService/GetFile`, {
        method: "POST",
        headers: { ...AUTHORIZED.headers, "content-type": "application/grpc-web+proto" },
        body: frame,
      });
      const trailer = Buffer.from(await response.arrayBuffer())
        .subarray(5)
        .toString();
      expect(trailer)
        .to.match(/grpc-status: 3\r\n/)
        .and.match(/grpc-status-details-bin: \S+/);
    });
  });

  it("tells open calls why they end when it shuts down, whatever they throw", async () => {
    const shutdown = new AbortController();
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const { url } = await open(
      {
        fileQueries: {
          getFile: (_request, { signal }) =>
            new Promise((_, reject) => {
              arrive();
              signal.addEventListener("abort", () => reject(new Error("interrupted")));
            }),
        },
      },
      { shutdownSignal: shutdown.signal },
    );
    const client = createClient(FileQueryService, createGrpcTransport({ baseUrl: url }));
    const failure = catchError(() => client.getFile({}, AUTHORIZED));
    await arrived;
    shutdown.abort(new DomainError("unavailable", "the service is going away", { reason: "SHUTTING_DOWN" }));
    expectReason(await failure, Code.Unavailable, "SHUTTING_DOWN");
    expect(server?.defects).to.deep.equal([]);
  });

  it("refuses a deadline that no timer holds, instead of ending at once", async () => {
    const { url } = await open({ fileQueries: { getFile: async () => sampleFile() } });
    const response = await fetch(`${url}/sluice.v1.FileQueryService/GetFile`, {
      method: "POST",
      headers: { ...AUTHORIZED.headers, "content-type": "application/json", "connect-timeout-ms": "9999999999" },
      body: "{}",
    });
    expect(((await response.json()) as { code: string }).code).to.equal("invalid_argument");
  });

  it("survives callers that leave in the middle of an answer", async () => {
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    const { url, defects } = await open({
      fileQueries: {
        readFile: async function* (_request, { signal }) {
          signal.addEventListener("abort", () => leave());
          yield { kind: "header", file: sampleFile(), offset: 0, sizeBytes: 1e9 };
          for (let offset = 0; ; offset += 65536) {
            signal.throwIfAborted();
            yield sampleChunk(offset, Buffer.alloc(65536));
          }
        },
        getFile: async () => sampleFile(),
      },
    });
    const client = createClient(FileQueryService, createGrpcTransport({ baseUrl: url }));
    const abort = new AbortController();
    const failure = await catchError(async () => {
      for await (const { message } of client.readFile({}, { ...AUTHORIZED, signal: abort.signal })) {
        if (message.case === "chunk") abort.abort();
      }
    });
    expect(failure).to.include({ code: Code.Canceled });
    await left;
    expect((await client.getFile({}, AUTHORIZED)).file?.generation).to.equal(3n);
    expect(defects).to.deep.equal([]);
  });
});
