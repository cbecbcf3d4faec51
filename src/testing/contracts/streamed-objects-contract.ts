import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { expect } from "chai";
import { nextKey, type ObjectStoreSubject, readObject } from "../rigs/object-store-subject.ts";
import { catchError } from "../samples/sample-records.ts";

/** The contract of every ObjectStore about objects that are made of a stream. */
export function streamedObjectsContract(given: () => ObjectStoreSubject): void {
  const pieces = randomBytes(2 ** 20);
  async function* repeat(times: number): AsyncGenerator<Buffer, void, undefined> {
    for (let time = 0; time < times; time++) yield pieces;
  }
  const write = async (key: string, bytes: Readable) =>
    await given().store.writeStream({ bucket: given().bucket, key, contentType: "application/gzip" }, bytes);

  for (const mebibytes of [0, 1, 20]) {
    it(`has the bytes of a stream of ${mebibytes} MiB, and tells their size`, async () => {
      const key = nextKey();
      expect(await write(key, Readable.from(repeat(mebibytes)))).to.deep.equal({ sizeBytes: mebibytes * 2 ** 20 });
      const stored = await readObject(given(), key);
      expect(stored.equals(Buffer.concat(Array(mebibytes).fill(pieces)))).to.equal(true);
    });
  }

  for (const mebibytes of [1, 20]) {
    it(`has nothing of a stream that fails after ${mebibytes} MiB`, async () => {
      const { store, bucket } = given();
      const key = nextKey();
      const failure = new Error("the stream failed");
      const bytes = Readable.from(
        (async function* () {
          yield* repeat(mebibytes);
          throw failure;
        })(),
      );
      expect(await catchError(() => write(key, bytes))).to.equal(failure);
      expect(await store.head(bucket, key)).to.equal(undefined);
      expect((await store.listMultiparts(bucket, { keyPrefix: key, pageMax: 10 })).multiparts).to.deep.equal([]);
    });
  }
}
