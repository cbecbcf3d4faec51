import { expect } from "chai";
import type { ObjectVersion, PartTarget, PendingMultipart } from "../../../domain/object-store.ts";
import { fromNow } from "../../rigs/from-now.ts";
import {
  beginUpload,
  nextKey,
  type ObjectStoreSubject,
  sampleBytes,
  send,
} from "../../rigs/storage/object-store-subject.ts";

const HOUR_MS = 3_600_000;

/** The contract of every ObjectStore about multipart uploads that are under way. */
export function multipartListingContract(given: () => ObjectStoreSubject): void {
  it("lists uploads under a prefix, several under one key", async () => {
    const { store, bucket } = given();
    const prefix = `${nextKey()}/`;
    const targets: Omit<PartTarget, "partNumber">[] = [];
    for (const name of ["b", "a", "c", "b"]) targets.push(await beginUpload(given(), `${prefix}${name}`));
    const other = await beginUpload(given());
    const list = async () => await store.listMultiparts(bucket, { keyPrefix: prefix, pageMax: 1000 });
    const { multiparts, next } = await list();
    const toText = ({ key, multipartId }: { key: string; multipartId: string }) => `${key} ${multipartId}`;
    expect(multiparts.map(toText)).to.have.members(targets.map(toText));
    expect(multiparts.map(({ key }) => key)).to.deep.equal(["a", "b", "b", "c"].map((name) => `${prefix}${name}`));
    expect(next).to.equal(undefined);
    expect(multiparts[0]?.initiated).to.be.within(fromNow(-HOUR_MS), fromNow(HOUR_MS));
    for (const target of [...targets, other]) await store.abortMultipart(target);
    expect((await list()).multiparts).to.deep.equal([]);
  });

  it("lists them in pages, and goes on behind one that has ended meanwhile", async () => {
    const { store, bucket } = given();
    const prefix = `${nextKey()}/`;
    const targets = await Promise.all(
      ["a", "a", "a", "b", "c"].map((name) => beginUpload(given(), `${prefix}${name}`)),
    );
    const found: PendingMultipart[] = [];
    let after: string | undefined;
    do {
      const page = await store.listMultiparts(bucket, { keyPrefix: prefix, after, pageMax: 2 });
      expect(page.multiparts.length).to.be.at.most(2);
      found.push(...page.multiparts);
      after = page.next;
    } while (after !== undefined);
    expect(found.map(({ multipartId }) => multipartId)).to.have.members(targets.map(({ multipartId }) => multipartId));
    await Promise.all(targets.map((target) => store.abortMultipart(target)));
  });
}

/** The contract of every ObjectStore about the versions of keys. */
export function versionsContract(given: () => ObjectStoreSubject): void {
  const put = async (bucket: string, key: string) => {
    const bytes = sampleBytes(10);
    await send(given().store.beginPut({ bucket, contentType: "", beginAttempt: async () => key }, 10), bytes);
  };
  const list = async (bucket: string, keyPrefix: string) =>
    (await given().store.listVersions(bucket, { keyPrefix, pageMax: 1000 })).versions;
  const keysOf = (versions: ObjectVersion[]) => versions.map(({ key }) => key);

  it("are one for each object where the bucket keeps none", async () => {
    const { store, bucket } = given();
    const key = nextKey();
    for (const name of [`${key}.1`, `${key}.1`, `${key}.10`]) await put(bucket, name);
    const found = await list(bucket, `${key}.`);
    expect(found.map(({ lastModified: _, ...version }) => version)).to.deep.equal(
      [`${key}.1`, `${key}.10`].map((name) => ({
        ...{ key: name, versionId: "null", sizeBytes: 10, isDeleteMarker: false },
      })),
    );
    for (const { lastModified } of found) expect(lastModified).to.be.within(fromNow(-HOUR_MS), fromNow(HOUR_MS));
    const { versions } = await store.listVersions(bucket, { keyPrefix: `${key}.`, afterKey: `${key}.1`, pageMax: 10 });
    expect(keysOf(versions)).to.deep.equal([`${key}.10`]);
    for (const _ of [1, 2]) await store.deleteVersions(bucket, `${key}.1`);
    expect(keysOf(await list(bucket, `${key}.`)), "no key that begins like it").to.deep.equal([`${key}.10`]);
    await store.delete(bucket, `${key}.10`, { versionId: "null" });
    expect(await list(bucket, `${key}.`)).to.deep.equal([]);
    expect(await store.head(bucket, `${key}.10`)).to.equal(undefined);
  });

  it("are all deleted for good, with marks of deletion", async () => {
    const { store, versionedBucket = "" } = given();
    const key = nextKey();
    for (const name of [key, key, `${key}.1`]) await put(versionedBucket, name);
    await store.delete(versionedBucket, key);
    const found = await list(versionedBucket, key);
    expect(keysOf(found)).to.deep.equal([key, key, key, `${key}.1`]);
    expect(found.filter(({ isDeleteMarker }) => isDeleteMarker).map(({ sizeBytes }) => sizeBytes)).to.deep.equal([0]);
    expect(await store.head(versionedBucket, key)).to.equal(undefined);
    await store.deleteVersions(versionedBucket, key);
    expect(keysOf(await list(versionedBucket, key))).to.deep.equal([`${key}.1`]);
    await store.deleteVersions(versionedBucket, `${key}.1`);
  });

  it("are deleted one by one, and what is left is seen again", async () => {
    const { store, versionedBucket = "" } = given();
    const key = nextKey();
    await put(versionedBucket, key);
    const [first] = await list(versionedBucket, key);
    await put(versionedBucket, key);
    const second = (await list(versionedBucket, key)).find(({ versionId }) => versionId !== first?.versionId);
    expect((await store.head(versionedBucket, key))?.versionId).to.equal(second?.versionId);
    for (const _ of [1, 2]) await store.delete(versionedBucket, key, { versionId: second?.versionId as string });
    expect((await store.head(versionedBucket, key))?.versionId).to.equal(first?.versionId);
    await store.delete(versionedBucket, key, { versionId: first?.versionId as string });
    expect(await list(versionedBucket, key)).to.deep.equal([]);
  });

  it("are listed in pages", async () => {
    const { store, versionedBucket = "" } = given();
    const prefix = `${nextKey()}/`;
    const keys = ["a", "a", "a", "b", "c"].map((name) => `${prefix}${name}`);
    for (const key of keys) await put(versionedBucket, key);
    const found: ObjectVersion[] = [];
    let after: string | undefined;
    do {
      const page = await store.listVersions(versionedBucket, { keyPrefix: prefix, after, pageMax: 2 });
      expect(page.versions.length).to.be.at.most(2);
      found.push(...page.versions);
      after = page.next;
    } while (after !== undefined);
    expect(keysOf(found)).to.deep.equal(keys);
    expect(new Set(found.map(({ versionId }) => versionId)).size).to.equal(5);
    for (const key of keys) await store.deleteVersions(versionedBucket, key);
  });
}
