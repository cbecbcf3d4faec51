import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { expect } from "chai";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { catchError } from "../../testing/samples/sample-records.ts";

const TRANSPORTS: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  "gRPC-web over HTTP/2": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  "gRPC-web over HTTP/1.1": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect over HTTP/2": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "Connect with JSON over HTTP/1.1": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
};
const HEADERS: Record<string, Record<string, string>> = {
  "with a token": { authorization: `Bearer ${API_TOKEN}` },
  "without one": {},
};

describe("a method that does not exist", () => {
  let server: ApiServer;
  before(async () => {
    server = await openApiServer();
  });
  after(() => server.close({ graceMs: 0 }));

  const method = <Method extends object>(known: Method, typeName: string, name: string): Method => ({
    ...known,
    name,
    parent: { ...UploadService, typeName },
  });
  const expectUnknown = (error: unknown, says: string) => {
    expect(error).to.be.instanceOf(ConnectError);
    const unknown = error as ConnectError;
    expect(Code[unknown.code]).to.equal("Unimplemented");
    expect(unknown.rawMessage).to.contain(says);
    const [info] = unknown.findDetails(ErrorInfoSchema);
    expect(info).to.include({ reason: "METHOD_UNKNOWN", domain: "sluice" });
  };

  for (const [transportName, makeTransport] of Object.entries(TRANSPORTS)) {
    for (const [who, header] of Object.entries(HEADERS)) {
      it(`is unimplemented over ${transportName}, ${who}`, async () => {
        const transport = makeTransport(server.url);
        for (const [service, name] of [
          ["sluice.v1.UploadService", "Nope"],
          ["other.v1.Service", "Do"],
        ] as const) {
          const says = `no method ${name} in ${service}`;
          const unary = method(UploadService.method.getUpload, service, name);
          expectUnknown(await catchError(() => transport.unary(unary, undefined, 5000, header, {})), says);
          const stream = method(UploadService.method.watchUpload, service, name);
          const streaming = async () => {
            const answer = await transport.stream(stream, undefined, 5000, header, one());
            for await (const _ of answer.message) expect.fail("a message of a method that does not exist");
          };
          expectUnknown(await catchError(streaming), says);
        }
        expect(server.defects).to.deep.equal([]);
      });
    }
  }

  async function* one() {
    yield { uploadId: "x" };
  }

  it("is UNIMPLEMENTED with a sentence for grpc-js, however much it sends", async () => {
    const identity = { requestStream: true, responseStream: true, requestSerialize: (bytes: Buffer) => bytes };
    const definition = {
      ...identity,
      responseDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: identity.requestSerialize,
    };
    const path = "/sluice.v1.UploadService/Nope";
    const Client = grpc.makeGenericClientConstructor(
      { nope: { ...definition, path, requestDeserialize: (bytes: Buffer) => bytes } },
      "nope",
    );
    const client = new Client(new URL(server.url).host, grpc.credentials.createInsecure());
    const call = client.nope?.() as unknown as grpc.ClientDuplexStream<Buffer, Buffer>;
    for (let message = 0; message < 20; message++) call.write(Buffer.alloc(65_536));
    const error = await new Promise<grpc.ServiceError>((resolve) => call.on("error", resolve).resume());
    expect(error.code).to.equal(grpc.status.UNIMPLEMENTED);
    expect(error.details).to.contain("no method Nope in sluice.v1.UploadService");
    expect(error.metadata.get("grpc-status-details-bin")).to.have.length(1);
    client.close();
  });

  it("is told in gRPC for any path, and a 404 for what is no call", async () => {
    const transport = createGrpcTransport({ baseUrl: `${server.url}/below` });
    const call = () =>
      transport.unary(UploadService.method.getUpload, undefined, 5000, {}, create(EmptySchema) as object);
    expectUnknown(await catchError(call), "/below/sluice.v1.UploadService/GetUpload is not the path of a method");
    for (const [path, contentType] of [
      ["/sluice.v1.UploadService/Nope", "text/html"],
      ["/elsewhere", "application/json"],
    ] as const) {
      const answer = await fetch(server.url + path, { method: "POST", headers: { "content-type": contentType } });
      expect([answer.status, ((await answer.json()) as { code: string }).code]).to.deep.equal([404, "not_found"]);
    }
  });
});
