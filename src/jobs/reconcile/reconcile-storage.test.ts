import { expect } from "chai";
import { toExportKey } from "../../domain/exported-object.ts";
import type { File } from "../../domain/files/file.ts";
import type { NewEntry } from "../../domain/journal/new-entry.ts";
import { FakeFileRepository } from "../../testing/fakes/fake-file-repository.ts";
import { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import { createFakeUploads } from "../../testing/fakes/uploads/fake-upload-repositories.ts";
import {
  beginNext,
  createOpen,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  TEST_ACTOR,
} from "../../testing/rigs/database/repository-subject.ts";
import { send } from "../../testing/rigs/storage/object-store-subject.ts";
import { catchError, SAMPLE_BYTES, sampleFile } from "../../testing/samples/sample-records.ts";
import type { Difference, ReconcileOptions } from "./difference.ts";
import { reconcileStorage } from "./reconcile-storage.ts";

const HOUR_MS = 3_600_000;

describe("reconcileStorage", () => {
  const open = (versionedBuckets: string[] = []) => {
    const clock = { now: 1_700_000_000_000 };
    const now = () => clock.now;
    const files = new FakeFileRepository({ now });
    const uploads = createFakeUploads(files, { now, namespaces: ["default", "other"] });
    const objects = new FakeObjectStore({ now, versionedBuckets });
    const entries: NewEntry[] = [];
    const journal = { enter: async (some: readonly NewEntry[]) => void entries.push(...some) };
    const access = { objects, files, orphans: uploads.orphans, journal, now: () => new Date(clock.now) };
    const namespace = { name: "default", bucket: "bucket", keyPrefix: "prefix/" };
    const steps = (options: Partial<ReconcileOptions> = {}, parts: Partial<typeof access> = {}) =>
      reconcileStorage(
        { ...access, ...parts },
        { namespace, after: "", checksums: false, isRepairing: false, olderThanMs: HOUR_MS, ...options },
      );
    const reconcile = async (...args: Parameters<typeof steps>) => {
      const differences: Difference[] = [];
      for await (const step of steps(...args)) differences.push(...step.differences);
      return differences;
    };
    const kindsOf = async (...args: Parameters<typeof steps>) =>
      (await reconcile(...args)).map(({ kind, key, repair }) => [kind, key, repair]);
    const put = (key: string) => objects.overwrite("bucket", key, Buffer.from(SAMPLE_BYTES));
    /** A file, and its bytes in storage unless they are to be missing. */
    const store = async (
      name: string,
      { isMissing = false, ...overrides }: Partial<File> & { isMissing?: boolean } = {},
    ) => {
      const s3Key = `prefix/${name}`;
      if (!isMissing) put(s3Key);
      const s3VersionId = (await objects.head("bucket", s3Key))?.versionId ?? "";
      const place = { bucket: "bucket", s3Key, s3VersionId, path: nextPath(), fileId: nextUuid() };
      return files.add(sampleFile({ ...place, ...overrides }), { retentionMs: RETENTION_MS });
    };
    const purge = async ({ path, fileId }: File) => {
      await files.delete("default", path, { identity: nextIdentity(), retentionMs: RETENTION_MS });
      await files.beginPurge("default", path, { identity: nextIdentity() });
      return async () => await files.endPurges("default", [fileId]);
    };
    /** An upload that was aborted with bytes of its first attempt in storage; the key of these. */
    const storeDead = async () => {
      const upload = await createOpen({ uploads });
      const { epoch } = await beginNext({ uploads }, upload);
      await uploads.writers.beginPutAttempt(upload.uploadId, epoch);
      const key = `${upload.s3Key}.1`;
      await send(
        objects.beginPut({ bucket: "bucket", contentType: "", beginAttempt: async () => key }, 0),
        Buffer.of(),
      );
      await uploads.catalogue.abort("default", upload.uploadId, TEST_ACTOR);
      return { key, uploadId: upload.uploadId };
    };
    return { clock, files, uploads, objects, entries, steps, reconcile, kindsOf, put, store, purge, storeDead };
  };

  for (const [name, versioned] of [
    ["a bucket without versions", []],
    ["a bucket that keeps versions", ["bucket"]],
  ] as const) {
    it(`finds nothing in ${name} where rows and objects agree, and all that differs where not`, async () => {
      const { clock, objects, kindsOf, reconcile, put, store, purge, storeDead } = open([...versioned]);
      for (const key of ["b", "d", "f"]) await store(key);
      const gone = await store("c");
      const endPurge = await purge(gone);
      await objects.deleteVersions("bucket", gone.s3Key);
      await endPurge();
      const open2 = await purge(await store("e"));
      clock.now += HOUR_MS;
      expect(await kindsOf({ checksums: true })).to.deep.equal([]);
      await open2();
      put("prefix/a");
      put("elsewhere/a");
      await store("g", { isMissing: true });
      await store("h", { sizeBytes: 42 });
      await store("i", { crc32: 1 });
      const dead = await storeDead();
      const [deadKey] = [dead.key];
      clock.now += HOUR_MS;
      const expected = [
        [...["object-without-row", "prefix/a", "none"]],
        [...["bytes-of-purged", "prefix/e", "possible"]],
        [...["row-without-object", "prefix/g", "none"]],
        [...["size-differs", "prefix/h", "none"]],
      ];
      const bySize = [...expected, ["object-without-row", deadKey, "possible"]].sort((a, b) =>
        a[1]! < b[1]! ? -1 : 1,
      );
      expect(await kindsOf()).to.deep.equal(bySize);
      const byChecksum = await reconcile({ checksums: true });
      expect(byChecksum.filter(({ kind }) => kind === "checksum-differs").map(({ key }) => key)).to.deep.equal([
        "prefix/i",
      ]);
      expect(byChecksum).to.have.lengthOf(bySize.length + 1);
    });
  }

  it("knows the notes of erasures and exports, which have no rows", async () => {
    const { clock, kindsOf, put } = open();
    put("prefix/erasures/1/a.json");
    const exported = {
      kind: "audit" as const,
      expireTime: new Date(clock.now + 2 * HOUR_MS),
      id: nextUuid(),
      extension: "gz",
    };
    put(toExportKey({ keyPrefix: "prefix/" }, exported));
    clock.now += HOUR_MS;
    expect(await kindsOf({ isRepairing: true })).to.deep.equal([]);
  });

  it("finds every version without a row of a key that has one, and leaves it alone", async () => {
    const { clock, kindsOf, put, store } = open(["bucket"]);
    await store("a");
    put("prefix/a");
    clock.now += HOUR_MS;
    expect(await kindsOf({ isRepairing: true })).to.deep.equal([["object-without-row", "prefix/a", "none"]]);
  });

  it("tells nothing of exports, which no row has", async () => {
    const { put, clock, kindsOf } = open();
    const expireTime = new Date(clock.now);
    const named = { kind: "audit", id: nextUuid(), extension: "ndjson.gz", expireTime } as const;
    put(toExportKey({ keyPrefix: "prefix/" }, named));
    put("prefix/exports/of-somebody-else");
    clock.now += HOUR_MS;
    expect(await kindsOf()).to.deep.equal([["object-without-row", "prefix/exports/of-somebody-else", "none"]]);
  });

  it("tells nothing that is young, and nothing of an upload that lives", async () => {
    const { clock, uploads, kindsOf, put, storeDead } = open();
    const { key } = await storeDead();
    put("prefix/0");
    const upload = await createOpen({ uploads });
    const { epoch } = await beginNext({ uploads }, upload);
    await uploads.writers.beginPutAttempt(upload.uploadId, epoch);
    put(`${upload.s3Key}.1`);
    expect(await kindsOf()).to.deep.equal([]);
    clock.now += HOUR_MS;
    expect(await kindsOf()).to.have.deep.members([
      ["object-without-row", "prefix/0", "none"],
      ["object-without-row", key, "possible"],
    ]);
  });

  it("deletes only what a row proves to be nobody's, each with an entry, and finds it no more", async () => {
    const { clock, objects, entries, kindsOf, put, store, purge, storeDead } = open(["bucket"]);
    const file = await store("e");
    await (await purge(file))();
    put("prefix/a");
    await store("g", { isMissing: true });
    const { key, uploadId } = await storeDead();
    clock.now += HOUR_MS;
    const told = await kindsOf({ isRepairing: true });
    expect(told.filter(([, , repair]) => repair === "done")).to.have.deep.members([
      ["bytes-of-purged", "prefix/e", "done"],
      ["object-without-row", key, "done"],
    ]);
    expect(objects.keys).to.deep.equal(["prefix/a"]);
    expect(entries.map(({ action, resource, actor }) => [action, resource, actor.principal])).to.have.deep.members([
      ["RepairStorage", { kind: "file", id: file.fileId, generation: 1 }, "service"],
      ["RepairStorage", { kind: "upload", id: uploadId }, "service"],
    ]);
    expect(await kindsOf()).to.deep.equal([
      ["object-without-row", "prefix/a", "none"],
      ["row-without-object", "prefix/g", "none"],
    ]);
  });

  it("deletes nothing while the journal takes no entry, and tells what storage would not delete", async () => {
    const { clock, objects, steps, kindsOf, storeDead } = open();
    const { key } = await storeDead();
    clock.now += HOUR_MS;
    const full = new Error("the journal is full");
    const journal = { enter: () => Promise.reject(full) };
    expect(await catchError(() => steps({ isRepairing: true }, { journal }).next())).to.equal(full);
    expect(objects.keys).to.deep.equal([key]);
    objects.faults.add("delete", { kind: "fail" });
    expect(await kindsOf({ isRepairing: true })).to.deep.equal([["object-without-row", key, "failed"]]);
    expect(await kindsOf({ isRepairing: true })).to.deep.equal([["object-without-row", key, "done"]]);
  });

  it("believes the second look: what was committed or purged meanwhile is no difference", async () => {
    const { clock, files, objects, kindsOf, store, purge } = open();
    const purged = await store("a");
    clock.now += HOUR_MS;
    const listVersions: typeof objects.listVersions = async (...asked) => {
      const page = await objects.listVersions(...asked);
      await store("b");
      return page;
    };
    const listObjects: typeof files.listObjects = async (...asked) => {
      const rows = await files.listObjects(...asked);
      const endPurge = await purge(purged);
      await objects.deleteVersions("bucket", purged.s3Key);
      await endPurge();
      return rows;
    };
    const late = { listVersions, head: objects.head.bind(objects), delete: objects.delete.bind(objects) };
    const rows = { listObjects, findObjects: files.findObjects.bind(files) };
    const parts = { objects: late, files: rows } as unknown as Parameters<typeof kindsOf>[1];
    expect(await kindsOf({ checksums: true }, parts)).to.deep.equal([]);
  });

  it("compares thousands of keys in steps, finds planted differences, and goes on behind any step", async () => {
    const { clock, objects, steps, put, store } = open();
    const planted: string[] = [];
    for (let index = 0; index < 3500; index++) {
      const name = String(index).padStart(5, "0");
      if (index % 500 === 7) put(`prefix/${name}`);
      else await store(name, { isMissing: index % 500 === 8 });
      if (index % 500 === 7 || index % 500 === 8) planted.push(`prefix/${name}`);
    }
    clock.now += HOUR_MS;
    const found: string[] = [];
    const keys = { stored: 0, recorded: 0 };
    let after = "";
    for (let isEnded = false; !isEnded; ) {
      // Each run is cut off after one step.
      const { value: step, done = false } = await steps({ after }).next();
      isEnded = done;
      if (step === undefined) continue;
      found.push(...step.differences.map(({ key }: Difference) => key));
      keys.stored += step.keys.stored;
      keys.recorded += step.keys.recorded;
      after = step.after;
    }
    expect(found).to.deep.equal(planted);
    expect(keys).to.deep.equal({ stored: 3493, recorded: 3493 });
    objects.faults.add("listVersions", { kind: "fail" });
    expect(await catchError(() => steps().next())).to.include({ reason: "STORAGE_UNAVAILABLE" });
    const signal = AbortSignal.abort(new Error("interrupted"));
    expect(await catchError(() => steps({ signal }).next())).to.equal(signal.reason);
  });
});
