import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { ObjectStore, PartTarget } from "../../../domain/object-store.ts";
import {
  beginUpload,
  type ObjectStoreSubject,
  sampleBytes,
  sendPart,
} from "../../rigs/storage/object-store-subject.ts";
import { until } from "../../rigs/until.ts";

/** The contract of every ObjectStore about bytes of a part that are put to a presigned URL. */
export function presignedPutsContract(given: () => ObjectStoreSubject): void {
  const bytes = sampleBytes(1000);
  const options = { lengthBytes: bytes.length, crc32: crc32(bytes), lifetimeMs: 60_000 };
  const sign = (store: ObjectStore, target: Omit<PartTarget, "partNumber">, changed: Partial<typeof options> = {}) =>
    store.presignPart({ ...target, partNumber: 2 }, { ...options, ...changed });

  it("takes the part that was signed, once and again, beside others", async () => {
    const { store, upload } = given();
    const target = await beginUpload(given());
    const { url, headers } = await sign(store, target);
    expect(headers).to.have.all.keys("content-length", "x-amz-checksum-crc32");
    const first = await sendPart(store, { ...target, partNumber: 1 }, bytes);
    for (const _ of [1, 2]) expect(await upload(url, headers, bytes)).to.equal(200);
    const [one, two, ...rest] = (await store.listParts(target)) ?? [];
    expect(one?.etag).to.equal(first.etag);
    expect(two).to.deep.include({ partNumber: 2, sizeBytes: bytes.length, crc32: crc32(bytes) });
    expect(rest).to.deep.equal([]);
    await store.abortMultipart(target);
    expect(await upload(url, headers, bytes), "after the abort").to.equal(404);
  });

  it("refuses other bytes, another checksum, none, and another length", async () => {
    const { store, upload } = given();
    const target = await beginUpload(given());
    const { url, headers } = await sign(store, target);
    const other = sampleBytes(1000, 2);
    const { headers: others } = await sign(store, target, { crc32: crc32(other) });
    expect(await upload(url, headers, other), "other bytes").to.equal(400);
    expect(await upload(url, others, other), "another checksum").to.equal(403);
    expect(await upload(url, {}, bytes), "no checksum").to.equal(403);
    const long = sampleBytes(1001);
    const { headers: longs } = await sign(store, target, { crc32: crc32(long) });
    expect(await upload(url, headers, long), "another length").to.equal(403);
    expect(await upload(url, longs, long), "another length and checksum").to.equal(403);
    expect(await store.listParts(target)).to.deep.equal([]);
    await store.abortMultipart(target);
  });

  it("ends with the lifetime, which is one that S3 counts as it is", async () => {
    const { store, upload } = given();
    const target = await beginUpload(given());
    const { url, headers } = await sign(store, target, { lifetimeMs: 1000 });
    const refused = await until("the URL has ended", async () => {
      const status = await upload(url, headers, bytes);
      return status !== 200 && status;
    });
    expect(refused).to.equal(403);
    await store.abortMultipart(target);
    for (const lifetimeMs of [0, 999, 1500, 604_801_000]) {
      const error = await sign(store, target, { lifetimeMs }).catch((caught) => caught);
      expect(error, `${lifetimeMs} ms`).to.be.instanceOf(RangeError);
    }
  });
}
