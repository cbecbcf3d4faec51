import { crc32 } from "node:zlib";
import { expect } from "chai";
import { combineCrc32 } from "../../../domain/crc32.ts";
import { DomainError } from "../../../domain/errors.ts";
import type { CopySource } from "../../../domain/object-store.ts";
import {
  beginUpload,
  nextKey,
  type ObjectStoreSubject,
  PART_MIN_BYTES,
  putObject,
  readObject,
  sampleBytes,
} from "../../rigs/storage/object-store-subject.ts";

/** The contract of every ObjectStore about copies of bytes that it has. */
export function copiesContract(given: () => ObjectStoreSubject): void {
  const store = () => given().store;
  const sourceOf = (key: string, versionId = ""): CopySource => ({ bucket: given().bucket, key, versionId });
  const targetOf = (keys: string[], bucket = given().bucket) => ({
    bucket,
    contentType: "text/plain",
    beginAttempt: async () => {
      const key = nextKey();
      keys.push(key);
      return key;
    },
  });
  const refusalOf = async (work: Promise<unknown>): Promise<DomainError> => {
    const error = await work.then(
      () => expect.fail("nothing was refused"),
      (refusal: unknown) => refusal,
    );
    if (!(error instanceof DomainError)) throw error;
    return error;
  };

  for (const lengthBytes of [0, 1, 1_000_000]) {
    it(`copies an object of ${lengthBytes} bytes, with a checksum of its own`, async () => {
      const bytes = sampleBytes(lengthBytes, 7);
      const key = await putObject(given(), bytes);
      const keys: string[] = [];
      const content = { sizeBytes: lengthBytes, crc32: crc32(bytes) };
      const ack = await store().copyObject(sourceOf(key), targetOf(keys), content);
      expect([ack.key]).to.deep.equal(keys);
      const head = await store().head(given().bucket, ack.key);
      expect(head).to.include({ ...content, etag: ack.etag, versionId: ack.versionId });
      expect(await readObject(given(), ack.key)).to.deep.equal(bytes);
      expect(await readObject(given(), key)).to.deep.equal(bytes);
    });
  }

  it("copies keys of any characters", async () => {
    const key = `${nextKey()}/ü %+?&=#\u{1f600}'"`;
    const { bucket } = given();
    const bytes = sampleBytes(10);
    const put = store().beginPut({ bucket, contentType: "", beginAttempt: async () => key }, 10);
    put.write(bytes);
    put.end(crc32(bytes));
    await put.done;
    const ack = await store().copyObject(sourceOf(key), targetOf([]), { sizeBytes: 10, crc32: crc32(bytes) });
    expect(await readObject(given(), ack.key)).to.deep.equal(bytes);
  });

  it("takes no copy for good that has other bytes than were expected", async () => {
    const bytes = sampleBytes(10);
    const key = await putObject(given(), bytes);
    for (const content of [
      { sizeBytes: 11, crc32: crc32(bytes) },
      { sizeBytes: 10, crc32: crc32(bytes) ^ 1 },
    ]) {
      const error = await refusalOf(store().copyObject(sourceOf(key), targetOf([]), content));
      expect(error).to.include({ code: "aborted", reason: "CHECKSUM_MISMATCH" });
    }
  });

  it("says that there is nothing to copy", async () => {
    const missing = sourceOf(nextKey());
    const refusal = { code: "data_loss", reason: "FILE_NOT_FOUND" };
    expect(await refusalOf(store().copyObject(missing, targetOf([]), { sizeBytes: 1, crc32: 0 }))).to.include(refusal);
    const target = { ...(await beginUpload(given())), partNumber: 1 };
    expect(await refusalOf(store().copyPart(missing, target, { offset: 0, sizeBytes: 1 }))).to.include(refusal);
  });

  it("ends with the error of an attempt that may not begin", async () => {
    const key = await putObject(given(), sampleBytes(1));
    const error = new Error("not now");
    const beginAttempt = () => Promise.reject(error);
    const target = { bucket: given().bucket, contentType: "", beginAttempt };
    const copy = store().copyObject(sourceOf(key), target, { sizeBytes: 1, crc32: 0 });
    expect(await copy.catch((thrown) => thrown)).to.equal(error);
  });

  it("copies ranges into parts whose object is these bytes", async () => {
    const bytes = sampleBytes(2 * PART_MIN_BYTES + 7, 3);
    const key = await putObject(given(), bytes);
    const upload = await beginUpload(given());
    const ranges = [0, PART_MIN_BYTES, 2 * PART_MIN_BYTES].map((offset) => ({
      offset,
      sizeBytes: Math.min(PART_MIN_BYTES, bytes.length - offset),
    }));
    const parts = await Promise.all(
      ranges.map(async ({ offset, sizeBytes }, index) => {
        const target = { ...upload, partNumber: index + 1 };
        const part = await store().copyPart(sourceOf(key), target, { offset, sizeBytes });
        expect(part.crc32).to.equal(crc32(bytes.subarray(offset, offset + sizeBytes)));
        return { partNumber: index + 1, lengthBytes: sizeBytes, ...part };
      }),
    );
    const listed = await store().listParts(upload);
    expect(listed?.map(({ etag }) => etag)).to.deep.equal(parts.map(({ etag }) => etag));
    const sum = parts.reduce((crc, part) => combineCrc32(crc, part.crc32, part.lengthBytes), 0);
    expect(sum).to.equal(crc32(bytes));
    const manifest = { parts, crc32: sum, sizeBytes: bytes.length };
    expect(await store().completeMultipart(upload, manifest)).to.include({ sizeBytes: bytes.length, crc32: sum });
    expect((await readObject(given(), upload.key)).equals(bytes)).to.equal(true);
  });

  it("says that the upload is lost that a part was to go to", async () => {
    const key = await putObject(given(), sampleBytes(10));
    const upload = await beginUpload(given());
    await store().abortMultipart(upload);
    const copy = store().copyPart(sourceOf(key), { ...upload, partNumber: 1 }, { offset: 0, sizeBytes: 10 });
    expect(await refusalOf(copy)).to.include({ code: "aborted", reason: "UPLOAD_LOST" });
  });

  it("copies the version that is named, deleted or overwritten as it may be", async () => {
    const { versionedBucket: bucket = "" } = given();
    const key = nextKey();
    const put = async (bytes: Buffer) => {
      const body = store().beginPut({ bucket, contentType: "", beginAttempt: async () => key }, bytes.length);
      body.write(bytes);
      body.end(crc32(bytes));
      await body.done;
      return (await store().head(bucket, key))?.versionId ?? "";
    };
    const [older, newer] = [sampleBytes(10, 1), sampleBytes(10, 2)];
    const versionId = await put(older);
    await put(newer);
    await store().delete(bucket, key);
    const content = { sizeBytes: 10, crc32: crc32(older) };
    const ack = await store().copyObject({ bucket, key, versionId }, targetOf([], bucket), content);
    expect(ack.versionId).to.not.equal("");
    expect(await readObject({ store: store(), bucket }, ack.key)).to.deep.equal(older);
  });
}
