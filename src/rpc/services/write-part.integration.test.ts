import { connect } from "node:http2";
import { text } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { Code, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";

const HEADERS = { authorization: `Bearer ${SERVICE_TOKEN}` };
const TRANSPORTS: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  "gRPC-web": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  Connect: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "Connect with JSON": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
};

describe("WritePart", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(5 * PART_BYTES + 10);
  const partOf = (number: number) => bytes.subarray((number - 1) * PART_BYTES, number * PART_BYTES);
  const create = async () => {
    const path = rig.nextPath();
    return { path, uploadId: (await rig.client.createUpload(path, { sizeBytes: BigInt(bytes.length) })).uploadId };
  };
  const clientOf = (transport: (typeof TRANSPORTS)[string] | undefined = TRANSPORTS.Connect, { service } = rig) =>
    createClient(UploadService, (transport as (typeof TRANSPORTS)[string])(service.url));
  const write = (
    uploadId: string,
    partNumber: number,
    {
      data = partOf(partNumber),
      client = clientOf(),
      ...rest
    }: { data?: Buffer; client?: ReturnType<typeof clientOf>; crc32?: number } = {},
  ) => {
    const request = {
      namespace: "default",
      uploadId,
      partNumber,
      crc32: crc32(data),
      data: Uint8Array.from(data),
      ...rest,
    };
    return client.writePart(request, { headers: HEADERS });
  };
  const refusal = async (call: Promise<unknown>) => {
    const error = await call.then(
      () => expect.fail("nothing was refused"),
      (thrown: ConnectError) => thrown,
    );
    const info = error.findDetails(ErrorInfoSchema)[0];
    return `${Code[error.code]} ${info?.reason}: ${error.rawMessage}`;
  };
  const all = [6, 2, 4, 1, 5, 3];

  for (const [name, transport] of Object.entries(TRANSPORTS)) {
    it(`writes parts in any order and in parallel, over ${name}`, async () => {
      const { path, uploadId } = await create();
      const client = clientOf(transport);
      const answers = await Promise.all(all.map((number) => write(uploadId, number, { client })));
      expect(answers[0]).to.deep.include({ wasDurable: false, crc32: crc32(partOf(6)) });
      expect(answers[0]?.range).to.deep.include({ offset: BigInt(5 * PART_BYTES), sizeBytes: 10n });
      const { receipt } = await rig.client.completeUpload(uploadId, { crc32: crc32(bytes) });
      expect(receipt?.crc32).to.equal(crc32(bytes));
      expect((await rig.download(path)).equals(bytes)).to.equal(true);
      expect(await rig.query("SELECT epoch FROM writer WHERE upload_id = $1", [uploadId])).to.deep.equal([]);
    });
  }

  it("takes the same bytes again, also after the commit, and no other ones", async () => {
    const { uploadId } = await create();
    await write(uploadId, 2);
    const before = rig.service.s3.requestCount("UploadPart");
    expect((await write(uploadId, 2)).wasDurable).to.equal(true);
    const other = await refusal(write(uploadId, 2, { data: seededBytes(PART_BYTES, 5) }));
    expect(other).to.match(/^Aborted CHECKSUM_MISMATCH: part 2 of upload .* is durable already, with other bytes/);
    expect(rig.service.s3.requestCount("UploadPart")).to.equal(before);
    await Promise.all([1, 3, 4, 5, 6].map((number) => write(uploadId, number)));
    await rig.client.completeUpload(uploadId);
    expect((await write(uploadId, 2)).wasDurable).to.equal(true);
  });

  it("goes together with streams and lanes, and writes what they left", async () => {
    const { path, uploadId } = await create();
    await Promise.all([6, 5, 3].map((number) => write(uploadId, number)));
    const target = { case: "upload" as const, value: { namespace: "default", uploadId } };
    const lane = { offset: BigInt(3 * PART_BYTES), sizeBytes: BigInt(PART_BYTES) };
    const call = rig.connect().write().send({ start: { target, lane } });
    await call.started();
    await write(uploadId, 1);
    call.sendBytes(partOf(4), { offset: 3 * PART_BYTES }).send({ finish: {} });
    expect((await call.status).code).to.equal(0);
    const before = rig.service.s3.requestCount("UploadPart");
    const rest = rig.resume(uploadId);
    expect(Number((await rest.started()).durableOffset)).to.equal(PART_BYTES);
    rest.sendBytes(bytes.subarray(PART_BYTES), { offset: PART_BYTES }).send({ finish: { crc32: crc32(bytes) } });
    await rig.expectFile(await rest.committed(), bytes);
    expect(rig.service.s3.requestCount("UploadPart") - before, "parts written").to.equal(1);
    expect((await rig.download(path)).length).to.equal(bytes.length);
  });

  it("fences a stream that writes the part", async () => {
    const { uploadId } = await create();
    const stream = rig.resume(uploadId);
    await stream.started();
    await write(uploadId, 3);
    stream.sendBytes(bytes);
    expect((await stream.status).reason).to.equal("WRITER_FENCED");
    await rig.complete(uploadId, bytes);
  });

  it("takes whole parts of an upload of unknown size, which ends with the last of them", async () => {
    const path = rig.nextPath();
    const { uploadId } = await rig.client.createUpload(path);
    const size = 2 * PART_BYTES;
    const parts = [bytes.subarray(0, size), bytes.subarray(size, 2 * size)];
    for (const [index, data] of parts.entries()) await write(uploadId, index + 1, { data: Buffer.from(data) });
    const short = await refusal(write(uploadId, 3, { data: bytes.subarray(0, 10) }));
    expect(short).to.equal(
      `InvalidArgument SIZE_MISMATCH: part 3 has ${size} bytes, not 10: the upload has no declared size, so that every part is whole`,
    );
    await rig.client.completeUpload(uploadId);
    expect((await rig.download(path)).equals(bytes.subarray(0, 2 * size))).to.equal(true);
  });

  describe("refuses", () => {
    const refuse = (what: string, partNumber: number, options: Parameters<typeof write>[2], says: string) =>
      it(what, async () => {
        const { uploadId } = await create();
        expect(await refusal(write(uploadId, partNumber, options))).to.include(says);
      });
    const data = partOf(1);
    refuse("part 0", 0, { data }, "InvalidArgument ARGUMENT_INVALID: part_number is 0; give 1 to 10000");
    refuse("part 10,001", 10_001, { data }, "ARGUMENT_INVALID: part_number is 10001; give 1 to 10000");
    refuse("a part beyond the file", 7, { data }, "RANGE_INVALID: part 7 is beyond the file, which has 6 parts");
    refuse(
      "a short part in the middle",
      2,
      { data: data.subarray(1) },
      `SIZE_MISMATCH: part 2 has ${PART_BYTES} bytes, not`,
    );
    refuse("a long last part", 6, { data }, "SIZE_MISMATCH: part 6 has 10 bytes, not");
    refuse("an empty part", 1, { data: Buffer.alloc(0) }, "SIZE_MISMATCH: part 1 has");
    refuse("a wrong CRC32", 1, { data, crc32: 1 }, "Aborted CHECKSUM_MISMATCH: part 1");
    refuse("more than 16 MiB", 1, { data: Buffer.alloc(2 ** 24 + 1) }, "SIZE_LIMIT: data has 16777217 bytes");
    refuse(
      "a message beyond all limits",
      1,
      { data: Buffer.alloc(2 ** 24 + 2 ** 23) },
      "ResourceExhausted MESSAGE_TOO_LARGE",
    );

    it("a part without a CRC32", async () => {
      const { uploadId } = await create();
      const request = { namespace: "default", uploadId, partNumber: 1, data: Uint8Array.from(data) };
      expect(await refusal(clientOf().writePart(request, { headers: HEADERS }))).to.include("crc32 is missing");
    });

    it("a part beyond the limit of the namespace, where the size is not known", async () => {
      const whole = seededBytes(2 * PART_BYTES);
      const small = await UploadRig.start({ settings: { SLUICE_FILE_SIZE_MAX_BYTES: String(3 * PART_BYTES) } });
      try {
        const upload = await small.client.createUpload("a");
        const client = clientOf(TRANSPORTS.Connect, small);
        const request = {
          namespace: "default",
          uploadId: upload.uploadId,
          partNumber: 2,
          crc32: crc32(whole),
          data: Uint8Array.from(whole),
        };
        expect(await refusal(client.writePart(request, { headers: HEADERS }))).to.include(
          "SIZE_LIMIT: the part ends at byte",
        );
      } finally {
        await small.stop();
      }
    });

    it("uploads that are not open, unknown, or named wrongly", async () => {
      const { uploadId } = await create();
      await rig.client.abortUpload(uploadId);
      expect(await refusal(write(uploadId, 1))).to.match(/^FailedPrecondition UPLOAD_NOT_OPEN: .* is aborted/);
      const { uploadId: expired } = await create();
      await rig.query("UPDATE upload SET state = 'expired' WHERE upload_id = $1", [expired]);
      expect(await refusal(write(expired, 1))).to.match(/UPLOAD_NOT_OPEN: .* is expired/);
      const call = rig.create({ sizeBytes: 10n }).sendBytes(bytes.subarray(0, 10)).send({ finish: {} });
      await call.committed();
      const { uploadId: committed } = await call.started();
      const one = { data: bytes.subarray(0, 10) };
      expect(await refusal(write(committed, 1, one))).to.match(/UPLOAD_NOT_OPEN: .* is committed/);
      expect(await refusal(write(crypto.randomUUID(), 1))).to.include("NotFound UPLOAD_NOT_FOUND");
      expect(await refusal(write("7", 1))).to.include("InvalidArgument ARGUMENT_INVALID");
    });

    it("callers without the token, before their message is read", async () => {
      const call = clientOf().writePart({ data: new Uint8Array(PART_BYTES) });
      expect(await refusal(call)).to.include("Unauthenticated TOKEN_MISSING");
      expect(rig.service.app.load).to.deep.equal({ sessions: 0, partBytes: 0 });
    });
  });

  describe("when storage fails", () => {
    afterEach(() => rig.service.s3.faults.clear());

    it("sends the part again, without the caller noticing", async () => {
      const { path, uploadId } = await create();
      const fault = { kind: "status", status: 503, code: "SlowDown" } as const;
      rig.service.s3.faults.add({ operation: "UploadPart", times: 2, fault });
      await Promise.all(all.map((number) => write(uploadId, number)));
      await rig.client.completeUpload(uploadId);
      expect((await rig.download(path)).equals(bytes)).to.equal(true);
    });

    it("says so in the end, and takes the part when it comes again", async () => {
      const { uploadId } = await create();
      const fault = { kind: "status", status: 403, code: "AccessDenied" } as const;
      rig.service.s3.faults.add({ operation: "UploadPart", times: 100, fault });
      expect(await refusal(write(uploadId, 1))).to.include("Unavailable STORAGE_UNAVAILABLE");
      rig.service.s3.faults.clear();
      expect((await write(uploadId, 1)).wasDurable).to.equal(false);
    });

    it("notes that the upload is lost", async () => {
      const { uploadId } = await create();
      await write(uploadId, 1);
      const [row] = await rig.query("SELECT s3_key, multipart_id FROM upload WHERE upload_id = $1", [uploadId]);
      await rig.abortInStorage(String(row?.s3_key), String(row?.multipart_id));
      expect(await refusal(write(uploadId, 2))).to.include("Aborted UPLOAD_LOST");
      expect(await refusal(write(uploadId, 2))).to.include("UPLOAD_NOT_OPEN");
    });
  });

  describe("while memory is taken", () => {
    it("reads nothing of a message, and gives a place back whose caller goes", async () => {
      const { uploadId } = await create();
      rig.service.s3.faults.add({ operation: "UploadPart", times: 1, fault: { kind: "latency", ms: 1000 } });
      // A message without a length is expected to have the largest one: it takes all that this service's small budget may
      // give to one message.
      const first = write(uploadId, 1, { client: clientOf(TRANSPORTS.gRPC) });
      await until("the budget is taken", () => rig.service.app.load.partBytes > rig.service.config.budgetBytes / 2);
      const session = connect(rig.service.url, { settings: { initialWindowSize: 1 } });
      const stream = session.request({
        ":method": "POST",
        ":path": "/sluice.v1.UploadService/WritePart",
        ...HEADERS,
        "content-type": "application/proto",
      });
      stream.on("error", () => {});
      stream.write(Buffer.alloc(1000));
      await until("it waits", () => rig.service.app.load.sessions === 2);
      stream.close();
      session.close();
      await until("its place is free", () => rig.service.app.load.sessions <= 1);
      await first;
      rig.service.s3.faults.clear();
    });

    for (const [what, drip] of Object.entries({ stops: 0, "comes slower than memory can wait for": 10 })) {
      it(`ends a message that ${what}, and frees its memory`, async () => {
        const settings = { SLUICE_STALL_TIMEOUT_MS: drip === 0 ? "500" : "60000" };
        const own = await UploadRig.start({ settings, budget: { slowAfterMs: 500 } });
        const session = connect(own.service.url);
        try {
          const { uploadId } = await own.client.createUpload("a", { sizeBytes: BigInt(bytes.length) });
          const stream = session.request({
            ":method": "POST",
            ":path": "/sluice.v1.UploadService/WritePart",
            ...HEADERS,
            "content-type": "application/json",
          });
          stream.write(" ".repeat(1000));
          await until("its memory is taken", () => own.service.app.load.partBytes > own.service.config.budgetBytes / 2);
          const dripping = setInterval(() => stream.write(" ".repeat(drip)), 50);
          // Slow callers have to go only because others wait for memory; nobody waits for calls that have stopped.
          const next =
            drip === 0
              ? undefined
              : clientOf(TRANSPORTS.Connect, own).writePart(
                  {
                    namespace: "default",
                    uploadId,
                    partNumber: 1,
                    crc32: crc32(partOf(1)),
                    data: Uint8Array.from(partOf(1)),
                  },
                  { headers: HEADERS },
                );
          const answer = JSON.parse(await text(stream));
          clearInterval(dripping);
          expect(answer).to.deep.include({ code: drip === 0 ? "aborted" : "resource_exhausted" });
          expect(answer.details[0].debug.reason).to.equal(drip === 0 ? "STALLED" : "OVERLOADED");
          expect((await next)?.wasDurable).to.equal(drip === 0 ? undefined : false);
          await own.expectNothingLeft();
        } finally {
          session.destroy();
          await own.stop();
        }
      });
    }

    it("gives back what a broken message took", async () => {
      const session = connect(rig.service.url);
      const stream = session.request({
        ":method": "POST",
        ":path": "/sluice.v1.UploadService/WritePart",
        ...HEADERS,
        "content-type": "application/proto",
      });
      stream.end(Buffer.from("garbage"));
      const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
      expect(status).to.equal(400);
      stream.close();
      session.close();
      await until("nothing is held", () => rig.service.app.load.partBytes === 0);
    });
  });
});
