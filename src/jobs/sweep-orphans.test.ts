import { expect } from "chai";
import { toExportKey } from "../domain/exported-object.ts";
import { requireNamespace } from "../domain/namespaces/namespace.ts";
import { FakeFileRepository } from "../testing/fakes/fake-file-repository.ts";
import { FakeObjectStore } from "../testing/fakes/fake-object-store.ts";
import { createFakeUploads } from "../testing/fakes/uploads/fake-upload-repositories.ts";
import {
  beginNext,
  createOpen,
  expectRefusal,
  nextUuid,
  TEST_ACTOR,
} from "../testing/rigs/database/repository-subject.ts";
import { send } from "../testing/rigs/storage/object-store-subject.ts";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import { sampleNamespaces } from "../testing/samples/sample-records.ts";
import { type OrphanLimits, sweepOrphans } from "./sweep-orphans.ts";

const HOUR_MS = 3_600_000;

describe("sweepOrphans", () => {
  const open = () => {
    const clock = { now: 1_700_000_000_000 };
    const now = () => clock.now;
    const uploads = createFakeUploads(new FakeFileRepository({ now }), {
      now,
      namespaces: ["default", "other"],
    });
    const objects = new FakeObjectStore({ now, versionedBuckets: ["bucket"] });
    const namespace = requireNamespace(sampleNamespaces({ bucket: "bucket", keyPrefix: "prefix/" }), "default");
    const sweep = (limits: Partial<OrphanLimits> = {}, options: { cursor?: string; signal?: AbortSignal } = {}) =>
      sweepOrphans(
        { uploads, objects },
        {
          ...{ namespace, limits: { olderThanMs: HOUR_MS, pagesMax: 100, pageMax: 2, ...limits } },
          ...{ cursor: "", now: new Date(clock.now), ...options },
        },
      );
    const begin = (key: string) => objects.createMultipart("bucket", key, { contentType: "" });
    const put = (key: string) =>
      send(objects.beginPut({ bucket: "bucket", contentType: "", beginAttempt: async () => key }, 10), seededBytes(10));
    /** An upload that has begun `attempts` to put its one part. */
    const createPut = async (attempts: number) => {
      const upload = await createOpen({ uploads });
      const { epoch } = await beginNext({ uploads }, upload);
      for (let attempt = 1; attempt <= attempts; attempt++) {
        await uploads.writers.beginPutAttempt(upload.uploadId, epoch);
        await put(`${upload.s3Key}.${attempt}`);
      }
      return upload;
    };
    return { clock, uploads, objects, sweep, begin, put, createPut };
  };
  const NOTHING = { multipartsAborted: 0, versionsDeleted: 0, foreignMultiparts: 0, foreignVersions: 0, errors: [] };

  it("aborts what lost against its upload's own multipart upload, once that is old", async () => {
    const { clock, uploads, objects, sweep, begin } = open();
    const upload = await createOpen({ uploads });
    const [own, loser] = [await begin(upload.s3Key), await begin(upload.s3Key)];
    await uploads.writers.setMultipartId(upload.uploadId, own);
    expect(await sweep()).to.deep.include({ ...NOTHING, cursor: "" });
    clock.now += HOUR_MS;
    expect(await sweep()).to.deep.include({ ...NOTHING, multipartsAborted: 1 });
    expect(objects.pendingMultiparts).to.deep.equal([own]).and.not.include(loser);
    expect(await sweep()).to.deep.include(NOTHING);
  });

  it("deletes an export once the time that its key tells is over, and calls none foreign", async () => {
    const { clock, objects, sweep, begin, put } = open();
    const expireTime = new Date(clock.now + HOUR_MS);
    const id = nextUuid();
    const key = toExportKey({ keyPrefix: "prefix/" }, { kind: "audit", id, extension: "ndjson.gz", expireTime });
    expect(key).to.equal(`prefix/exports/audit/2023-11-14T23-13-20Z-${id}.ndjson.gz`);
    await put(key);
    await begin(key);
    await put(key.replace("prefix/", "prefix/other/"));
    expect(await sweep()).to.deep.include({ ...NOTHING, foreignVersions: 1 });
    clock.now += HOUR_MS;
    const swept = await sweep();
    expect(swept).to.deep.include({ ...NOTHING, multipartsAborted: 1, versionsDeleted: 1, foreignVersions: 1 });
    expect(await objects.head("bucket", key)).to.equal(undefined);
    expect(objects.pendingMultiparts).to.deep.equal([]);
  });

  it("deletes what landed after its upload was cleaned, with every version", async () => {
    const { clock, uploads, objects, sweep, put, createPut } = open();
    const [dead, alive] = [await createPut(2), await createPut(1)];
    await objects.delete("bucket", `${dead.s3Key}.1`);
    await put(`${dead.s3Key}.1`);
    await uploads.catalogue.abort("default", dead.uploadId, TEST_ACTOR);
    expect(await sweep()).to.deep.include({ ...NOTHING, cursor: "" });
    clock.now += HOUR_MS;
    expect(await sweep()).to.deep.include({ ...NOTHING, versionsDeleted: 4 });
    expect(objects.keys).to.deep.equal([`${alive.s3Key}.1`]);
    const { versions } = await objects.listVersions("bucket", { keyPrefix: "prefix/", pageMax: 1000 });
    expect(versions.map(({ key }) => key)).to.deep.equal([`${alive.s3Key}.1`]);
  });

  it("counts what no row knows, however old, and never touches it", async () => {
    const { clock, uploads, objects, sweep, begin, put } = open();
    const restored = await createOpen({ uploads });
    await uploads.catalogue.abort("default", restored.uploadId, TEST_ACTOR);
    await begin("prefix/nobody's");
    await begin("elsewhere");
    for (const key of ["prefix/x", "prefix/y", restored.s3Key, "elsewhere"]) await put(key);
    clock.now += 1000 * HOUR_MS;
    const { foreignKeys, ...counts } = await sweep();
    expect(counts).to.deep.equal({ ...NOTHING, foreignMultiparts: 1, foreignVersions: 3, cursor: "" });
    expect(foreignKeys).to.have.members(["prefix/nobody's", "prefix/x", "prefix/y", restored.s3Key]);
    expect(objects.pendingMultiparts).to.have.length(2);
    expect(objects.keys).to.have.length(4);
    for (let index = 0; index < 9; index++) await put(`prefix/z${index}`);
    expect((await sweep()).foreignKeys, "names a few of many").to.have.length(5);
  });

  it("reads so many pages, and goes on behind them", async () => {
    const { clock, uploads, objects, sweep, begin, createPut } = open();
    const dead = await createPut(5);
    await uploads.catalogue.abort("default", dead.uploadId, TEST_ACTOR);
    for (let index = 0; index < 3; index++) await begin(dead.s3Key);
    clock.now += HOUR_MS;
    const cursors: string[] = [];
    let cursor = "";
    do {
      ({ cursor } = await sweep({ pagesMax: 1 }, { cursor }));
      cursors.push(cursor);
    } while (cursor !== "" && cursors.length < 20);
    expect(cursors).to.have.length(2 + 3);
    expect([objects.keys, objects.pendingMultiparts]).to.deep.equal([[], []]);
    const gone = JSON.stringify({ kind: "versions", bucket: "another", keyPrefix: "", after: "x" });
    expect(await sweep({}, { cursor: gone }), "a place that is ours no more").to.deep.include(NOTHING);
  });

  it("passes by what cannot be removed, stops when much fails, and says what failed", async () => {
    const { clock, uploads, objects, sweep, createPut } = open();
    const dead = await createPut(30);
    await uploads.catalogue.abort("default", dead.uploadId, TEST_ACTOR);
    clock.now += HOUR_MS;
    objects.faults.add("delete", { kind: "fail" }, { key: /\.1$/ });
    const { errors, versionsDeleted } = await sweep();
    expect([errors.length, versionsDeleted]).to.deep.equal([1, 29]);
    const other = await createPut(30);
    await uploads.catalogue.abort("default", other.uploadId, TEST_ACTOR);
    clock.now += HOUR_MS;
    objects.faults.add("delete", { kind: "fail" }, { times: 1000 });
    const stopped = await sweep();
    expect(stopped.errors).to.have.length(10);
    expect(stopped.cursor).to.not.equal("");
    objects.faults.clear();
    expect((await sweep()).versionsDeleted).to.equal(31);
  });

  it("rejects when storage cannot be listed, and ends at its signal", async () => {
    const { objects, sweep } = open();
    for (const operation of ["listMultiparts", "listVersions"] as const) {
      objects.faults.add(operation, { kind: "fail" });
      await expectRefusal(sweep(), "STORAGE_UNAVAILABLE");
    }
    objects.faults.add("listMultiparts", { kind: "fail" });
    expect(await sweep({}, { signal: AbortSignal.abort() })).to.deep.include(NOTHING);
    expect(objects.faults.pending, "nothing was asked").to.equal(1);
  });
});
