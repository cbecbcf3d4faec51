import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { crc32, gzipSync } from "node:zlib";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { expect } from "chai";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { UploadService, type WriteUploadRequestSchema } from "../../gen/sluice/v1/upload_service_pb.ts";
import { encodeFrame } from "../client/uploads/grpc-frames.ts";
import { soon } from "../testing/rigs/from-now.ts";
import {
  PART_BYTES,
  type RunningService,
  SERVICE_TOKEN,
  startService,
} from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

type Request = MessageInitShape<typeof WriteUploadRequestSchema>;

const PROTO = fileURLToPath(new URL("../../proto", import.meta.url));
const bytes = seededBytes(9 * PART_BYTES + 7);

describe("WriteUpload from client libraries:", () => {
  let rig: UploadRig;
  /** A service that ends whoever is silent for a second, be it only because the machine is busy: callers who are not silent keep off it. */
  let hasty: RunningService;
  before(async () => {
    rig = await UploadRig.start();
    hasty = await startService({ settings: { SLUICE_STALL_TIMEOUT_MS: "1000" } });
  });
  after(async () => {
    await hasty?.stop();
    await rig?.stop();
  });
  afterEach(() => rig.expectNothingLeft());

  const start = (path: string, extra: object = {}): Request => ({
    message: {
      case: "start",
      value: {
        target: { case: "create", value: { requestId: randomUUID(), namespace: "default", path, ...extra } },
      },
    },
  });
  const chunk = (offset: number, data: Buffer): Request => ({
    message: { case: "chunk", value: { offset: BigInt(offset), data: Uint8Array.from(data), crc32: crc32(data) } },
  });
  const finish: Request = { message: { case: "finish", value: { crc32: crc32(bytes) } } };
  async function* upload(path: string, extra: object = {}): AsyncGenerator<Request> {
    yield start(path, extra);
    for (let at = 0; at < bytes.length; at += 100_000) yield chunk(at, bytes.subarray(at, at + 100_000));
    yield finish;
  }

  const transports: [string, (baseUrl: string) => Transport][] = [
    ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
    ["gRPC-web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
    ["gRPC from connect-node", (baseUrl) => createGrpcTransport({ baseUrl })],
  ];
  for (const [name, createTransport] of transports) {
    describe(name, () => {
      const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
      const client = (url = rig.service.url) => createClient(UploadService, createTransport(url));
      const reasonOf = async (requests: AsyncIterable<Request>, options: object = {}, url?: string) => {
        try {
          for await (const _ of client(url).writeUpload(requests, { headers, ...options }));
          return "none";
        } catch (error) {
          const info = (error as import("@connectrpc/connect").ConnectError).findDetails(ErrorInfoSchema)[0];
          return `${info?.reason} ${info?.metadata.durable_offset ?? ""}`.trim();
        }
      };

      it("uploads, with progress and the receipt", async () => {
        const path = rig.nextPath();
        const cases: (string | undefined)[] = [];
        for await (const { message } of client().writeUpload(upload(path), { headers })) {
          cases.push(message.case);
          if (message.case === "committed") expect(message.value.receipt?.crc32).to.equal(crc32(bytes));
        }
        expect(cases[0]).to.equal("started");
        expect(cases.at(-1)).to.equal("committed");
        expect((await rig.download(path)).equals(bytes)).to.equal(true);
      });

      it("is held back while the budget is taken, and goes on", async () => {
        rig.service.s3.faults.add({ operation: "UploadPart", times: 20, fault: { kind: "latency", ms: 30 } });
        const paths = [rig.nextPath(), rig.nextPath(), rig.nextPath()];
        const size = { sizeBytes: BigInt(bytes.length) };
        expect(await Promise.all(paths.map((path) => reasonOf(upload(path, size))))).to.deep.equal([
          "none",
          "none",
          "none",
        ]);
        rig.service.s3.faults.clear();
        for (const path of paths) expect((await rig.download(path)).equals(bytes)).to.equal(true);
      });

      it("hears refusals with the durable offset", async () => {
        async function* gap() {
          yield start(rig.nextPath());
          yield chunk(5, Buffer.from("late"));
        }
        expect(await reasonOf(gap())).to.equal("OFFSET_MISMATCH 0");
        expect(await reasonOf(upload(""))).to.equal("PATH_INVALID");
        expect(await reasonOf(upload("a"), { headers: { authorization: "Bearer wrong" } })).to.equal("TOKEN_INVALID");
        async function* unfinished() {
          yield start(rig.nextPath());
          yield chunk(0, Buffer.from("some"));
        }
        expect(await reasonOf(unfinished())).to.equal("SEQUENCE_INVALID 0");
        async function* onlyChunk() {
          yield chunk(0, Buffer.from("some"));
        }
        expect(await reasonOf(onlyChunk())).to.equal("SEQUENCE_INVALID");
        async function* more() {
          yield* upload(rig.nextPath());
          yield finish;
        }
        expect(["none", "SEQUENCE_INVALID"]).to.include((await reasonOf(more())).split(" ")[0]);
      });

      it("is ended when silent", async () => {
        const silence = Promise.withResolvers<void>();
        async function* silent() {
          yield start(rig.nextPath());
          yield chunk(0, Buffer.from("some"));
          await silence.promise;
        }
        expect(await reasonOf(silent(), {}, hasty.url)).to.equal("STALLED 0");
        silence.resolve();
      });

      it("keeps what is durable when its caller goes away", async () => {
        const controller = new AbortController();
        let uploadId = "";
        async function* endless() {
          yield start(rig.nextPath(), { sizeBytes: BigInt(bytes.length) });
          yield chunk(0, bytes.subarray(0, 2 * PART_BYTES));
          await until("the caller is gone", () => controller.signal.aborted);
        }
        try {
          for await (const { message } of client().writeUpload(endless(), { headers, signal: controller.signal })) {
            if (message.case === "started") uploadId = message.value.uploadId;
            if (message.case === "progress" && message.value.durableBytes > 0n) controller.abort();
          }
        } catch {
          // The abort.
        }
        await until("the stream has settled", () => rig.service.app.load.sessions === 0);
        await rig.complete(uploadId, bytes);
      });
    });
  }

  const createGrpcJs = () => {
    const definition = loadSync("sluice/v1/upload_service.proto", { includeDirs: [PROTO], longs: String });
    const sluice = grpc.loadPackageDefinition(definition).sluice as grpc.GrpcObject;
    const Client = (sluice.v1 as grpc.GrpcObject).UploadService as grpc.ServiceClientConstructor;
    const client = new Client(new URL(rig.service.url).host, grpc.credentials.createInsecure());
    const write = (token: string, options: grpc.CallOptions = {}) => {
      const metadata = new grpc.Metadata();
      metadata.set("authorization", `Bearer ${token}`);
      return client.writeUpload?.(metadata, options) as unknown as grpc.ClientDuplexStream<
        object,
        { started?: { uploadId: string }; progress?: object; committed?: { receipt: { crc32: number } } }
      >;
    };
    return { client, write };
  };

  it("grpc-js, with its errors", async () => {
    const { client, write } = createGrpcJs();
    const refused = write("wrong-token");
    const error = await new Promise<grpc.ServiceError>((resolve) => refused.on("error", resolve).resume());
    expect(error.code).to.equal(grpc.status.UNAUTHENTICATED);
    expect(error.metadata.get("grpc-status-details-bin")).to.have.length(1);
    const path = rig.nextPath();
    const call = write(SERVICE_TOKEN);
    let receipt: { crc32: number } | undefined;
    const status = new Promise<grpc.StatusObject>((resolve) => call.on("status", resolve));
    const ended = new Promise<void>((resolve, reject) => {
      call.on("data", (answer) => {
        receipt = answer.committed?.receipt ?? receipt;
      });
      call.on("end", resolve).on("error", reject);
    });
    call.write({ start: { create: { requestId: randomUUID(), namespace: "default", path } } });
    for (let at = 0; at < bytes.length; at += 50_000) {
      const data = bytes.subarray(at, at + 50_000);
      call.write({ chunk: { offset: at, data, crc32: crc32(data) } });
    }
    call.end({ finish: {} });
    await ended;
    expect(receipt?.crc32).to.equal(crc32(bytes));
    expect((await status).metadata.get("sluice-position")[0]).to.match(/^[1-9]\d*$/);
    expect((await rig.download(path)).equals(bytes)).to.equal(true);
    client.close();
  });

  it("grpc-js, which stops at its deadline; what is durable stays, to go on from", async () => {
    const { client, write } = createGrpcJs();
    const first = rig.create({ sizeBytes: BigInt(bytes.length) });
    const { uploadId } = await first.started();
    first.sendBytes(bytes.subarray(0, 2 * PART_BYTES));
    await first.durable(2 * PART_BYTES);
    first.reset();
    const call = write(SERVICE_TOKEN, { deadline: soon() });
    const error = new Promise<grpc.ServiceError>((resolve) => call.on("error", resolve));
    call.write({ start: { upload: { namespace: "default", uploadId } } });
    const keepAlive = setInterval(() => call.write({ chunk: { offset: 2 * PART_BYTES } }), 100);
    expect((await error).code).to.equal(grpc.status.DEADLINE_EXCEEDED);
    clearInterval(keepAlive);
    await until("the stream has settled", () => rig.service.app.load.sessions === 0);
    expect(Number((await rig.client.getUpload(uploadId)).durableOffset)).to.equal(2 * PART_BYTES);
    await rig.complete(uploadId, bytes);
    client.close();
  });

  it("a compressed gRPC stream is told that it gains nothing", async () => {
    const call = rig.connect().write({ "grpc-encoding": "gzip" });
    const frame = encodeFrame(gzipSync(Buffer.alloc(10)));
    frame[0] = 1;
    expect((await call.send(frame).end().status).code).to.equal(grpc.status.UNIMPLEMENTED);
  });
});
