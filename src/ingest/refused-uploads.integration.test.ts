import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { encodeFrame } from "../client/uploads/grpc-frames.ts";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { encodeRequest, type RawWriteCall } from "../testing/rigs/uploads/raw-write-call.ts";
import { expectRefused, type Refusal, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;
const UNAUTHENTICATED = 16;
const MIB = 2 ** 20;

describe("WriteUpload refuses", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start({ settings: { SLUICE_FILE_SIZE_MAX_BYTES: String(50 * MIB) } });
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  describe("a start with", () => {
    const create = (request: Parameters<UploadRig["create"]>[0], refusal: Refusal) => async () => {
      await expectRefused(rig.create(request), refusal);
    };
    const path = (value: string, says: string) =>
      create({ path: value }, { code: INVALID_ARGUMENT, reason: "PATH_INVALID", says });
    it("an empty path", path("", "it is empty"));
    it("a path of more than 1,024 bytes", path("ü".repeat(513), "path has 1026 bytes of UTF-8; the limit is 1024"));
    it("NUL in the path", path("a\0b", "control character U+0000 at offset 1"));
    it("another control character in the path", path("a\u0085", "control character U+0085 at offset 1"));
    it('".." in the path', path("a/../b", 'the segment ".."'));
    it("a lone surrogate in the path, which no protobuf library sends", async () => {
      // Three bytes that UTF-8 would be for U+D800, were it a character.
      const start = encodeRequest({
        start: { target: { case: "create", value: { requestId: randomUUID(), namespace: "default", path: "@@@" } } },
      });
      start.set([0xed, 0xa0, 0x80], start.indexOf("@@@"));
      await expectRefused(rig.connect().write().send(start), {
        code: INVALID_ARGUMENT,
        reason: "MESSAGE_MALFORMED",
        says: "not a WriteUploadRequest",
      });
    });
    it(
      "a negative size",
      create(
        { sizeBytes: -1n },
        {
          code: INVALID_ARGUMENT,
          reason: "SIZE_INVALID",
          says: "size_bytes is -1; give 0 or more",
          field: "size_bytes",
          metadata: { size_bytes: "-1", size_bytes_min: "0" },
        },
      ),
    );
    it("a size over the limit of the namespace", () => {
      const limit = String(50 * MIB);
      return create(
        { sizeBytes: BigInt(50 * MIB + 1) },
        {
          code: INVALID_ARGUMENT,
          reason: "SIZE_LIMIT",
          says: `the limit of namespace default is ${limit} bytes`,
          field: "size_bytes",
          metadata: { size_bytes: String(50 * MIB + 1), size_bytes_max: limit },
        },
      )();
    });
    it(
      "a size beyond all numbers",
      create({ sizeBytes: 2n ** 60n }, { code: INVALID_ARGUMENT, reason: "ARGUMENT_INVALID", says: "size_bytes" }),
    );
    it(
      "no request id",
      create(
        { requestId: "" },
        { code: INVALID_ARGUMENT, reason: "REQUEST_ID_INVALID", says: "request_id is missing" },
      ),
    );
    it(
      "a namespace that does not exist",
      create({ namespace: "nowhere" }, { code: NOT_FOUND, reason: "NAMESPACE_NOT_FOUND", says: '"nowhere"' }),
    );
    it("an upload that does not exist", async () => {
      const refusal = { code: NOT_FOUND, reason: "UPLOAD_NOT_FOUND", says: /upload/ };
      await expectRefused(rig.resume(randomUUID()), refusal);
    });
    it("an upload_id that is no UUID", async () => {
      const refusal = { code: INVALID_ARGUMENT, reason: "ARGUMENT_INVALID", says: "start.upload.upload_id" };
      await expectRefused(rig.resume("7"), refusal);
    });
    it("no target", async () => {
      const call = rig.connect().write().send({ start: {} });
      await expectRefused(call, { code: INVALID_ARGUMENT, reason: "ARGUMENT_INVALID", says: "names no upload" });
    });
    it("a wrong token", async () => {
      const call = rig.connect().write({ authorization: "Bearer wrong" });
      await expectRefused(call, { code: UNAUTHENTICATED, reason: "TOKEN_INVALID", says: "token" });
    });
    it("no token", async () => {
      const call = rig.connect().write({ authorization: undefined });
      await expectRefused(call, { code: UNAUTHENTICATED, reason: "TOKEN_MISSING", says: "authorization: Bearer" });
    });
  });

  describe("messages out of order:", () => {
    const sequence = (says: string): Refusal => ({ code: INVALID_ARGUMENT, reason: "SEQUENCE_INVALID", says });
    it("a chunk before start", async () => {
      const call = rig
        .connect()
        .write()
        .send({ chunk: { data: new Uint8Array(100) } });
      await expectRefused(call, sequence("a chunk came before start"));
    });
    it("finish before start", async () => {
      await expectRefused(rig.connect().write().send({ finish: {} }), sequence("finish came before start"));
    });
    it("a second start", async () => {
      const call = rig.create();
      await call.started();
      const again = { start: { target: { case: "upload" as const, value: { namespace: "default", uploadId: "" } } } };
      await expectRefused(call.send(again), sequence("a second start"));
    });
    it("an empty message", async () => {
      const call = rig.create();
      await call.started();
      await expectRefused(call.send(encodeFrame(new Uint8Array())), sequence("a message is empty"));
    });
    it("finish twice", async () => {
      const call = rig.create().sendBytes(seededBytes(1000));
      await call.started();
      const twice = Buffer.concat([encodeRequest({ finish: {} }), encodeRequest({ finish: {} })]);
      await expectRefused(call.send(twice), sequence("finish came after finish"));
    });
    it("bytes after finish, and commits nothing", async () => {
      const path = rig.nextPath();
      const call = rig.create({ path }).sendBytes(seededBytes(1000));
      const { uploadId } = await call.started();
      const after = encodeRequest({ chunk: { offset: 1000n, data: seededBytes(1000) } });
      await expectRefused(call.send(Buffer.concat([encodeRequest({ finish: {} }), after])), sequence("after finish"));
      await rig.complete(uploadId, seededBytes(1000));
    });
    it("nothing that comes once the commit has begun: it is not read any more", async () => {
      const call = rig.create().sendBytes(seededBytes(3 * PART_BYTES));
      await call.started();
      call.send({ finish: {} });
      await new Promise((resolve) => setImmediate(resolve));
      for (let i = 0; i < 20; i++) call.send({ chunk: { offset: BigInt(3 * PART_BYTES), data: seededBytes(50_000) } });
      const status = await call.status;
      expect(["", "SEQUENCE_INVALID"]).to.include(status.reason);
    });
  });

  describe("sizes:", () => {
    const mismatch = (says: string, metadata: Record<string, string>, field = "finish.size_bytes"): Refusal => ({
      code: INVALID_ARGUMENT,
      reason: "SIZE_MISMATCH",
      says,
      metadata,
      field,
    });
    it("9 bytes where 10 were declared, and takes the tenth later", async () => {
      const call = rig.create({ sizeBytes: 10n }).sendBytes(seededBytes(9));
      const { uploadId } = await call.started();
      await expectRefused(
        call.send({ finish: {} }).end(),
        mismatch("10 bytes were declared; 9 were sent", { size_bytes: "10", received_bytes: "9", durable_offset: "0" }),
      );
      await rig.complete(uploadId, seededBytes(10));
    });
    it("11 bytes where 10 were declared", async () => {
      const call = rig.create({ sizeBytes: 10n }).sendBytes(seededBytes(11));
      const { uploadId } = await call.started();
      const metadata = { end_offset: "11", size_bytes: "10", durable_offset: "0" };
      await expectRefused(
        call,
        mismatch("chunk ends at byte 11; the upload declared 10 bytes", metadata, "chunk.data"),
      );
      await rig.complete(uploadId, seededBytes(10));
    });
    for (const parts of [1, 2]) {
      it(`${parts} of 3 declared parts, in the same words whatever has landed`, async () => {
        const bytes = seededBytes(3 * PART_BYTES);
        const call = rig.create({ sizeBytes: BigInt(bytes.length) }).sendBytes(bytes.subarray(0, parts * PART_BYTES));
        const { uploadId } = await call.started();
        const metadata = { received_bytes: String(parts * PART_BYTES), durable_offset: String(parts * PART_BYTES) };
        await expectRefused(call.send({ finish: {} }), mismatch(`${bytes.length} bytes were declared`, metadata));
        await rig.complete(uploadId, bytes);
      });
    }
    it("a finish that says another size than the start", async () => {
      const call = rig.create({ sizeBytes: 10n }).sendBytes(seededBytes(10));
      const { uploadId } = await call.started();
      await expectRefused(call.send({ finish: { sizeBytes: 11n } }), mismatch("finish says 11 bytes", {}));
      await rig.complete(uploadId, seededBytes(10));
    });
    it("a finish that says a negative size", async () => {
      const call = rig.create().sendBytes(seededBytes(10));
      const { uploadId } = await call.started();
      const metadata = { size_bytes: "-1", received_bytes: "10", durable_offset: "0", upload_id: uploadId };
      await expectRefused(call.send({ finish: { sizeBytes: -1n } }), mismatch("-1 bytes were declared", metadata));
      await rig.complete(uploadId, seededBytes(10));
    });
    it("a finish that says another size than was sent", async () => {
      const call = rig.create().sendBytes(seededBytes(10));
      const { uploadId } = await call.started();
      await expectRefused(
        call.send({ finish: { sizeBytes: 11n } }),
        mismatch("11 bytes were declared; 10 were sent", {}),
      );
      await rig.complete(uploadId, seededBytes(10));
    });
  });

  describe("chunks:", () => {
    const offset = (says: string, expected: string): Refusal => ({
      code: INVALID_ARGUMENT,
      reason: "OFFSET_MISMATCH",
      says,
      metadata: { expected_offset: expected },
    });
    const bytes = seededBytes(4 * PART_BYTES);
    const begin = async () => {
      const call = rig.create({ sizeBytes: BigInt(bytes.length) }).sendBytes(bytes.subarray(0, 2 * PART_BYTES + 100));
      const { uploadId } = await call.started();
      await call.durable(2 * PART_BYTES);
      return { call, uploadId };
    };
    const expectKept = async (status: Promise<{ metadata: Readonly<Record<string, string>> }>, uploadId: string) => {
      expect((await status).metadata).to.include({ upload_id: uploadId, durable_offset: String(2 * PART_BYTES) });
      await rig.complete(uploadId, bytes);
    };

    it("a gap", async () => {
      const { call, uploadId } = await begin();
      const at = 2 * PART_BYTES + 100;
      call.send({ chunk: { offset: BigInt(at + 1), data: seededBytes(50) } });
      await expectKept(expectRefused(call, offset(`leaves a gap; go on at ${at}`, String(at))), uploadId);
    });
    it("an overlap", async () => {
      const { call, uploadId } = await begin();
      const at = 2 * PART_BYTES + 100;
      call.send({ chunk: { offset: BigInt(at - 1), data: seededBytes(50) } });
      await expectKept(expectRefused(call, offset("overlaps bytes already sent", String(at))), uploadId);
    });
    it("a negative offset", async () => {
      const { call, uploadId } = await begin();
      call.send({ chunk: { offset: -1n, data: seededBytes(50) } });
      await expectKept(expectRefused(call, offset("is negative", String(2 * PART_BYTES + 100))), uploadId);
    });
    it("a stream that resumes in the middle of a part", async () => {
      const { call, uploadId } = await begin();
      call.reset();
      const resumed = rig.resume(uploadId).send({ chunk: { offset: 100n, data: seededBytes(50) } });
      const says = `begin at ${2 * PART_BYTES} or at an earlier multiple of ${PART_BYTES}`;
      await expectKept(expectRefused(resumed, offset(says, String(2 * PART_BYTES))), uploadId);
    });
    it("a chunk of more than 2 MiB", async () => {
      const call = rig.create().send({ chunk: { data: seededBytes(2 * MIB + 1) } });
      await call.started();
      await expectRefused(call, {
        code: INVALID_ARGUMENT,
        reason: "CHUNK_TOO_LARGE",
        says: `chunk has ${2 * MIB + 1} bytes; the limit is ${2 * MIB}`,
        metadata: { chunk_bytes_max: String(2 * MIB), durable_offset: "0" },
      });
    });
    it("a message over the limit", async () => {
      const call = rig.create().send({ chunk: { data: seededBytes(3 * MIB) } });
      await call.started();
      await expectRefused(call, {
        code: RESOURCE_EXHAUSTED,
        reason: "MESSAGE_TOO_LARGE",
        says: `the limit is ${2 * MIB + 65_536}`,
        metadata: { message_bytes_max: String(2 * MIB + 65_536), durable_offset: "0" },
      });
    });
    it("bytes beyond what 10,000 parts can hold", async () => {
      const small = await UploadRig.start({ uploads: { partsMax: 3 } });
      const call = small.create().sendBytes(seededBytes(6 * PART_BYTES + 1));
      await call.started();
      await expectRefused(call, {
        code: INVALID_ARGUMENT,
        reason: "SIZE_LIMIT",
        says: `takes at most ${6 * PART_BYTES} bytes`,
        metadata: { size_bytes_max: String(6 * PART_BYTES) },
      });
      await small.expectNothingLeft();
      await small.stop();
    });
  });

  describe("checksums:", () => {
    const mismatch = (says: string | RegExp, metadata: Record<string, string> = {}): Refusal => ({
      code: ABORTED,
      reason: "CHECKSUM_MISMATCH",
      says,
      metadata,
    });
    const bytes = seededBytes(4 * PART_BYTES);
    const chunk = (at: number, size: number, wrong = 0) => {
      const data = Uint8Array.from(bytes.subarray(at, at + size));
      return encodeRequest({ chunk: { offset: BigInt(at), data, crc32: (crc32(data) ^ wrong) >>> 0 } });
    };
    const begin = async (sizeBytes?: bigint): Promise<{ call: RawWriteCall; uploadId: string }> => {
      const call = rig.create(sizeBytes === undefined ? {} : { sizeBytes });
      const { uploadId } = await call.started();
      return { call, uploadId };
    };

    it("a chunk within a part, by name, after S3 has found the sum wrong", async () => {
      const { call, uploadId } = await begin(BigInt(bytes.length));
      call.send(chunk(0, PART_BYTES), chunk(PART_BYTES, 1000), chunk(PART_BYTES + 1000, 2000, 1));
      call.send(chunk(PART_BYTES + 3000, PART_BYTES - 3000));
      const metadata = {
        chunk_offset: String(PART_BYTES + 1000),
        chunk_bytes: "2000",
        durable_offset: String(PART_BYTES),
      };
      await expectRefused(call, mismatch(`the chunk at offset ${PART_BYTES + 1000} (2000 bytes)`, metadata));
      await rig.complete(uploadId, bytes);
    });
    for (const sizeBytes of [undefined, BigInt(bytes.length)]) {
      const size = sizeBytes === undefined ? 2 * PART_BYTES : PART_BYTES;
      it(`a chunk that crosses parts of a file of ${sizeBytes ?? "unknown"} size, before any of them is durable`, async () => {
        const { call, uploadId } = await begin(sizeBytes);
        call.send(chunk(0, size - 500), chunk(size - 500, 1000, 1));
        const metadata = { chunk_offset: String(size - 500), chunk_bytes: "1000", durable_offset: "0" };
        await expectRefused(call, mismatch(`the chunk at offset ${size - 500}`, metadata));
        await rig.complete(uploadId, bytes);
      });
    }
    it("nothing of a file whose right chunks cross parts, whatever their size", async () => {
      for (const size of [1000, 40_000, 200_000]) {
        const { call } = await begin(size === 40_000 ? undefined : BigInt(bytes.length));
        for (let at = 0; at < bytes.length; at += size) call.send(chunk(at, size));
        call.send({ finish: {} }).end();
        await rig.expectFile(await call.committed(), bytes);
      }
    });
    it("the CRC32 of the whole, declared at the start or the end", async () => {
      for (const [start, finish] of [
        [{ crc32: 7 }, {}],
        [{}, { crc32: 7 }],
      ]) {
        for (const content of [bytes, bytes.subarray(0, 1000)]) {
          const call = rig.create(start).sendBytes(content);
          const { uploadId } = await call.started();
          const says = `${crc32(content).toString(16).padStart(8, "0")}; 00000007 was declared`;
          await expectRefused(call.send({ finish: finish ?? {} }), mismatch(says, { expected_crc32: "00000007" }));
          const completed = await rig.client.completeUpload(uploadId).catch((error) => error.reason);
          if (content.length === 1000)
            expect(completed, "a one-part file is not durable yet").to.equal("UPLOAD_INCOMPLETE");
          else if (start?.crc32 !== undefined) expect(completed).to.equal("CHECKSUM_MISMATCH");
          else expect(completed).to.have.property("file");
        }
      }
    });
    it("a SHA-256 that the finish declares, after reading the file back", async () => {
      const call = rig.create().sendBytes(bytes);
      await call.started();
      const metadata = { expected_sha256: "00".repeat(32) };
      await expectRefused(call.send({ finish: { sha256: new Uint8Array(32) } }), mismatch(/SHA-256/, metadata));
    });
    it("a SHA-256 that was computed in stream", async () => {
      const call = rig.create({ sha256: new Uint8Array(32) }).sendBytes(bytes);
      await call.started();
      const metadata = { expected_sha256: "00".repeat(32), durable_offset: String(bytes.length) };
      await expectRefused(call.send({ finish: {} }), mismatch(/SHA-256 .* was declared/, metadata));
    });
    it("a SHA-256 of another length", async () => {
      const refusal = { code: INVALID_ARGUMENT, reason: "ARGUMENT_INVALID", says: "sha256 has 3 bytes" };
      await expectRefused(rig.create({ sha256: new Uint8Array(3) }), refusal);
      const call = rig.create();
      await call.started();
      await expectRefused(call.send({ finish: { sha256: new Uint8Array(3) } }), refusal);
    });
    it("bytes sent again that differ from the durable ones", async () => {
      const { call, uploadId } = await begin(BigInt(bytes.length));
      call.sendBytes(bytes.subarray(0, 2 * PART_BYTES));
      await call.durable(2 * PART_BYTES);
      call.reset();
      const again = rig.resume(uploadId).sendBytes(seededBytes(PART_BYTES, 2), { offset: PART_BYTES });
      const says = `bytes ${PART_BYTES} to ${2 * PART_BYTES} differ`;
      await expectRefused(again, mismatch(says, { part_number: "2", durable_offset: String(2 * PART_BYTES) }));
      await rig.complete(uploadId, bytes);
    });
  });

  describe("frames:", () => {
    const begin = async () => {
      const call = rig.create().sendBytes(seededBytes(5 * PART_BYTES));
      const { uploadId } = await call.started();
      await call.durable(4 * PART_BYTES);
      return { call, uploadId };
    };
    const expectKept = async (status: Promise<{ metadata: Readonly<Record<string, string>> }>, uploadId: string) => {
      expect((await status).metadata.durable_offset).to.equal(String(4 * PART_BYTES));
      await rig.complete(uploadId, seededBytes(5 * PART_BYTES));
    };
    it("a length of 4 GiB", async () => {
      const { call, uploadId } = await begin();
      call.send(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
      const says = "a message has 4294967295 bytes";
      await expectKept(expectRefused(call, { code: RESOURCE_EXHAUSTED, reason: "MESSAGE_TOO_LARGE", says }), uploadId);
    });
    it("the compressed flag without an encoding", async () => {
      const { call, uploadId } = await begin();
      call.send(Buffer.from([1, 0, 0, 0, 3, 1, 2, 3]));
      const refusal = { code: INVALID_ARGUMENT, reason: "MESSAGE_MALFORMED", says: "named no grpc-encoding" };
      await expectKept(expectRefused(call, refusal), uploadId);
    });
    it("flags that gRPC has not", async () => {
      const { call, uploadId } = await begin();
      call.send(Buffer.from([128, 0, 0, 0, 0]));
      const refusal = { code: INVALID_ARGUMENT, reason: "MESSAGE_MALFORMED", says: "the flags 128" };
      await expectKept(expectRefused(call, refusal), uploadId);
    });
    it("garbage instead of protobuf", async () => {
      const { call, uploadId } = await begin();
      call.send(encodeFrame(seededBytes(5000, 9)));
      const refusal = { code: INVALID_ARGUMENT, reason: "MESSAGE_MALFORMED", says: "not a WriteUploadRequest" };
      await expectKept(expectRefused(call, refusal), uploadId);
    });
  });

  it("chunks for an upload whose bytes are all durable", async () => {
    const call = rig.create().sendBytes(seededBytes(100));
    const { uploadId } = await call.started();
    await call.send({ finish: { commit: false } }).status;
    const again = rig.resume(uploadId);
    expect(Number((await again.started()).durableOffset)).to.equal(100);
    again.send({ chunk: { offset: 100n, data: seededBytes(1) } });
    await expectRefused(again, {
      code: FAILED_PRECONDITION,
      reason: "UPLOAD_NOT_OPEN",
      says: "all bytes of the upload are durable already",
      metadata: { state: "assembled", durable_offset: "100" },
    });
  });
});
