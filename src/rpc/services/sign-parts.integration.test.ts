import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { type PartToSignSchema, type SignedPart, UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../../testing/rigs/service/running-service.ts";
import { putPresigned } from "../../testing/rigs/storage/s3-subject.ts";
import { seededBytes, UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";

const HEADERS = { headers: { authorization: `Bearer ${SERVICE_TOKEN}` } };
/** The fields of a request that a test changes. */
interface ChangedRequest {
  parts?: MessageInitShape<typeof PartToSignSchema>[];
  lifetime?: Duration;
}

describe("SignParts", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(5 * PART_BYTES + 10);
  const partOf = (number: number) => bytes.subarray((number - 1) * PART_BYTES, number * PART_BYTES);
  const client = () =>
    createClient(UploadService, createConnectTransport({ baseUrl: rig.service.url, httpVersion: "2" }));
  const create = async (sizeBytes = BigInt(bytes.length)) => {
    const path = rig.nextPath();
    return { path, uploadId: (await rig.client.createUpload(path, { sizeBytes })).uploadId };
  };
  const toSign = (partNumber: number, data = partOf(partNumber)): MessageInitShape<typeof PartToSignSchema> => ({
    partNumber,
    sizeBytes: BigInt(data.length),
    crc32: crc32(data),
  });
  const sign = async (uploadId: string, numbers: number[], request: ChangedRequest = {}) => {
    const parts = numbers.map((number) => toSign(number));
    return await client().signParts({ namespace: "default", uploadId, parts, ...request }, HEADERS);
  };
  const put = (part: SignedPart | undefined, data = partOf(part?.partNumber ?? 0)) =>
    putPresigned(part?.url ?? "", part?.headers ?? {}, data);
  const putAll = async (uploadId: string, numbers: number[]) => {
    const { parts } = await sign(uploadId, numbers);
    expect(await Promise.all(parts.map((part) => put(part)))).to.deep.equal(numbers.map(() => 200));
  };
  const writePart = (uploadId: string, partNumber: number) => {
    const data = Uint8Array.from(partOf(partNumber));
    return client().writePart({ namespace: "default", uploadId, partNumber, crc32: crc32(data), data }, HEADERS);
  };
  const get = (uploadId: string) => client().getUpload({ namespace: "default", uploadId }, HEADERS);
  const complete = (uploadId: string, parts: { partNumber: number; etag: string }[] = []) =>
    client().completeUpload({ requestId: randomUUID(), namespace: "default", uploadId, parts }, HEADERS);
  const refusal = async (call: Promise<unknown>) => {
    const error = await call.then(
      () => expect.fail("nothing was refused"),
      (thrown: ConnectError) => thrown,
    );
    return `${Code[error.code]} ${error.findDetails(ErrorInfoSchema)[0]?.reason}: ${error.rawMessage}`;
  };
  const listings = () => rig.service.s3.requestCount("ListParts");
  const etagOf = async (uploadId: string, partNumber: number) => {
    const where = "SELECT etag FROM part WHERE upload_id = $1 AND part_number = $2";
    return String((await rig.query(where, [uploadId, partNumber]))[0]?.etag);
  };

  it("takes all parts of a file by URL, which CompleteUpload finds and commits", async () => {
    const { path, uploadId } = await create();
    const { parts, expireTime } = await sign(uploadId, [6, 1, 2, 3, 4, 5]);
    expect(parts.map(({ partNumber }) => partNumber)).to.deep.equal([6, 1, 2, 3, 4, 5]);
    expect(parts[0]?.headers).to.have.all.keys("content-length", "x-amz-checksum-crc32");
    for (const { url } of parts) expect(new URL(url).searchParams.get("X-Amz-Expires")).to.equal("900");
    expect(expireTime && timestampDate(expireTime)).to.be.above(fromNow(60_000));
    for (const part of parts) expect(await put(part)).to.equal(200);
    const { receipt } = await complete(uploadId);
    expect(receipt?.crc32).to.equal(crc32(bytes));
    expect((await rig.download(path)).equals(bytes)).to.equal(true);
    expect(await rig.query("SELECT epoch FROM writer WHERE upload_id = $1", [uploadId])).to.deep.equal([]);
  });

  it("makes one file of parts by stream, by WritePart and by URL", async () => {
    const { uploadId } = await create();
    await putAll(uploadId, [2, 6]);
    await writePart(uploadId, 4);
    const target = { case: "upload" as const, value: { namespace: "default", uploadId } };
    const lane = { offset: BigInt(2 * PART_BYTES), sizeBytes: BigInt(PART_BYTES) };
    const call = rig.connect().write().send({ start: { target, lane } });
    await call.started();
    call.sendBytes(partOf(3), { offset: 2 * PART_BYTES }).send({ finish: {} });
    expect((await call.status).code).to.equal(0);
    await putAll(uploadId, [5]);
    const sent = rig.service.s3.requestCount("UploadPart");
    const rest = rig.resume(uploadId);
    const { durableRanges } = await rest.started();
    expect(durableRanges.map(({ offset }) => Number(offset) / PART_BYTES)).to.deep.equal([1]);
    rest.sendBytes(bytes).send({ finish: { crc32: crc32(bytes) } });
    await rig.expectFile(await rest.committed(), bytes);
    expect(rig.service.s3.requestCount("UploadPart") - sent, "parts streamed").to.equal(1);
  });

  it("asks storage for its parts only while some are outstanding", async () => {
    const { uploadId } = await create();
    const asked = listings();
    await writePart(uploadId, 1);
    await get(uploadId);
    expect(listings()).to.equal(asked);
    const { parts } = await sign(uploadId, [2]);
    expect((await get(uploadId)).upload?.durableBytes).to.equal(BigInt(PART_BYTES));
    expect(listings()).to.equal(asked + 1);
    await put(parts[0]);
    const { upload } = await get(uploadId);
    expect([upload?.durableBytes, upload?.receivedBytes]).to.deep.equal([
      2n * BigInt(PART_BYTES),
      upload?.durableBytes,
    ]);
    await get(uploadId);
    expect(listings()).to.equal(asked + 2);
    const again = await sign(uploadId, [1, 2]);
    expect(again.parts.map(({ wasDurable, url }) => [wasDurable, url])).to.deep.equal([
      [true, ""],
      [true, ""],
    ]);
    const mixed = await sign(uploadId, [2, 3]);
    expect(mixed.parts.map(({ wasDurable, url }) => [wasDurable, url !== ""])).to.deep.equal([
      [true, false],
      [false, true],
    ]);
    await rig.complete(uploadId, bytes);
  });

  it("gives a part to its newest writer", async () => {
    const { uploadId } = await create();
    const stream = rig.resume(uploadId);
    await stream.started();
    const { parts } = await sign(uploadId, [3]);
    stream.sendBytes(bytes);
    expect((await stream.status).reason).to.equal("WRITER_FENCED");
    const lane = rig.resume(uploadId);
    await lane.started();
    expect(await put(parts[0])).to.equal(200);
    expect((await get(uploadId)).upload?.durableRanges.map(({ offset }) => offset)).to.not.include(
      BigInt(2 * PART_BYTES),
    );
    await rig.complete(uploadId, bytes);
  });

  it("names the first gap, and the part that is not what was signed", async () => {
    const { uploadId } = await create();
    await putAll(uploadId, [1, 2, 4, 6]);
    const missing = `${2 * PART_BYTES} to ${3 * PART_BYTES - 1}`;
    expect(await refusal(complete(uploadId))).to.match(
      new RegExp(`^FailedPrecondition UPLOAD_INCOMPLETE: .* the first that are missing are ${missing}$`),
    );
    const other = seededBytes(PART_BYTES, 9);
    const [first] = (await sign(uploadId, [], { parts: [toSign(3, other)] })).parts;
    expect(await put(first, other)).to.equal(200);
    const { parts } = await sign(uploadId, [3, 5]);
    expect(await refusal(complete(uploadId))).to.match(
      /^Aborted CHECKSUM_MISMATCH: storage has part 3 with 65536 bytes/,
    );
    for (const part of parts) await put(part);
    expect(await refusal(complete(uploadId, [{ partNumber: 2, etag: "foreign" }]))).to.equal(
      "Aborted CHECKSUM_MISMATCH: part 2 has another ETag than the listed one; list the ETag that storage answered",
    );
    const listed = [{ partNumber: 2, etag: `"${await etagOf(uploadId, 2)}"` }];
    expect((await complete(uploadId, listed)).receipt?.crc32).to.equal(crc32(bytes));
    expect((await complete(uploadId, listed)).receipt?.crc32).to.equal(crc32(bytes));
  });

  it("lets storage refuse other bytes, and URLs that have expired", async () => {
    const { uploadId } = await create();
    const { parts } = await sign(uploadId, [1], { lifetime: durationFromMs(1000) });
    expect(await put(parts[0], seededBytes(PART_BYTES, 9))).to.equal(400);
    expect(await put(parts[0], partOf(6))).to.equal(403);
    let status = await put(parts[0]);
    while (status === 200) status = await put(parts[0]);
    expect(status).to.equal(403);
    await rig.complete(uploadId, bytes);
  });

  it("frees what was put when the upload is aborted, also what lands late", async () => {
    const { uploadId } = await create();
    const { parts } = await sign(uploadId, [1, 2]);
    await put(parts[0]);
    await rig.client.abortUpload(uploadId);
    expect(await put(parts[1])).to.equal(404);
    expect(await refusal(sign(uploadId, [1]))).to.include("FailedPrecondition UPLOAD_NOT_OPEN");
    expect(await refusal(complete(uploadId))).to.include("UPLOAD_NOT_OPEN: the upload was aborted");
  });

  it("notes that storage has lost the upload", async () => {
    for (const call of [get, complete, async (uploadId: string) => await rig.resume(uploadId).started()]) {
      const { uploadId } = await create();
      await putAll(uploadId, [1, 2, 3, 4, 5, 6]);
      const [row] = await rig.query("SELECT s3_key, multipart_id FROM upload WHERE upload_id = $1", [uploadId]);
      await rig.abortInStorage(String(row?.s3_key), String(row?.multipart_id));
      await call(uploadId).catch(() => {});
      const states = await rig.query("SELECT state FROM upload WHERE upload_id = $1", [uploadId]);
      expect(states).to.deep.equal([{ state: "aborted" }]);
    }
  });

  it("answers GetUpload, without what was put, while storage does not", async () => {
    const { uploadId } = await create();
    await putAll(uploadId, [1]);
    rig.service.s3.faults.add({
      operation: "ListParts",
      times: 100,
      fault: { kind: "status", status: 503, code: "SlowDown" },
    });
    expect((await get(uploadId)).upload?.durableBytes).to.equal(0n);
    expect(await refusal(complete(uploadId))).to.include("Unavailable STORAGE_UNAVAILABLE");
    rig.service.s3.faults.clear();
    expect((await get(uploadId)).upload?.durableBytes).to.equal(BigInt(PART_BYTES));
    await rig.complete(uploadId, bytes);
  });

  describe("refuses", () => {
    const refuse = (what: string, request: ChangedRequest, says: string): void => {
      it(what, async () => {
        const { uploadId } = await create();
        expect(await refusal(sign(uploadId, [1], request))).to.include(says);
        await rig.client.abortUpload(uploadId);
      });
    };
    const one = (changed: Partial<MessageInitShape<typeof PartToSignSchema>>) => ({
      parts: [{ ...toSign(1), ...changed }] as MessageInitShape<typeof PartToSignSchema>[],
    });
    refuse("part 0", one({ partNumber: 0 }), "InvalidArgument ARGUMENT_INVALID: part_number is 0; give 1 to 10000");
    refuse("part 10,001", one({ partNumber: 10_001 }), "part_number is 10001; give 1 to 10000");
    refuse("a part beyond the file", one({ partNumber: 7 }), "RANGE_INVALID: part 7 is beyond the file");
    refuse("another size", one({ sizeBytes: 10n }), "SIZE_MISMATCH: part 1 has 65536 bytes, not 10");
    refuse("a part without a checksum", { parts: [{ partNumber: 1, sizeBytes: 1n }] }, "crc32 of part 1 is missing");
    refuse("a part twice", { parts: [toSign(1), toSign(1)] }, "part 1 is named twice; name each part once");
    refuse("no part", { parts: [] }, "0 parts are named; name 1 to 100");
    refuse("too many parts", { parts: Array(101).fill(toSign(1)) }, "101 parts are named; name 1 to 100");
    for (const lifetimeMs of [0, 1500, 3_601_000, -1000]) {
      const lifetime = durationFromMs(lifetimeMs);
      const says = `lifetime is ${lifetimeMs / 1000} s; send whole seconds from 1 to 3600`;
      refuse(`a lifetime of ${lifetimeMs} ms`, { lifetime }, says);
    }

    it("an upload of unknown size, and bytes that differ from what is durable", async () => {
      const path = rig.nextPath();
      const { uploadId: unknown } = await rig.client.createUpload(path);
      expect(await refusal(sign(unknown, [1]))).to.include("RANGE_INVALID: the upload has no declared size");
      const { uploadId } = await create();
      await writePart(uploadId, 1);
      const other = refusal(sign(uploadId, [], { parts: [toSign(1, seededBytes(PART_BYTES, 9))] }));
      expect(await other).to.include("Aborted CHECKSUM_MISMATCH: part 1");
      const many = Array.from({ length: 10_001 }, (_, index) => ({ partNumber: index + 1, etag: "e" }));
      expect(await refusal(complete(uploadId, many))).to.include("10001 parts are listed");
      expect(await refusal(complete(uploadId, [{ partNumber: 2, etag: "e" }]))).to.include("part 2 is listed, and not");
    });
  });
});
