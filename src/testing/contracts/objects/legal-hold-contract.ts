import { expect } from "chai";
import { nextKey, type ObjectStoreSubject, sampleBytes, send } from "../../rigs/storage/object-store-subject.ts";
import { catchError } from "../../samples/sample-records.ts";

/** The contract of every ObjectStore about legal holds. */
export function legalHoldContract(given: () => ObjectStoreSubject): void {
  const put = async (bucket: string) => {
    const beginAttempt = async () => nextKey();
    const { key } = await send(given().store.beginPut({ bucket, contentType: "", beginAttempt }, 10), sampleBytes(10));
    return { key, versionId: (await given().store.head(bucket, key))?.versionId ?? "" };
  };

  it("keep a version from being deleted until they are lifted, and can be set twice", async () => {
    const { store, lockedBucket = "" } = given();
    const { key, versionId } = await put(lockedBucket);
    for (const _ of [1, 2]) {
      expect(await store.setLegalHold(lockedBucket, key, { versionId, isHeld: true })).to.equal(true);
    }
    const error = await catchError(() => store.delete(lockedBucket, key, { versionId }));
    expect(error).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
    expect(await store.head(lockedBucket, key)).to.include({ versionId, sizeBytes: 10 });
    for (const _ of [1, 2]) {
      expect(await store.setLegalHold(lockedBucket, key, { versionId, isHeld: false })).to.equal(true);
    }
    await store.delete(lockedBucket, key, { versionId });
    expect(await store.head(lockedBucket, key)).to.equal(undefined);
  });

  it("are not there in a bucket without Object Lock, and storage says so", async () => {
    const { store, bucket } = given();
    const { key } = await put(bucket);
    for (const isHeld of [true, false]) expect(await store.setLegalHold(bucket, key, { isHeld })).to.equal(false);
    await store.delete(bucket, key);
  });

  it("are of no version that is not there", async () => {
    const { store, lockedBucket = "" } = given();
    const error = await catchError(() => store.setLegalHold(lockedBucket, nextKey(), { isHeld: true }));
    expect(error).to.include({ code: "data_loss", reason: "FILE_NOT_FOUND" });
  });
}
