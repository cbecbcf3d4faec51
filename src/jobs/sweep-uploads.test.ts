import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { COPY_LIMITS, createFileCopier } from "../commands/files/copy-file.ts";
import { abortUpload, cleanUpload } from "../commands/uploads/abort-upload.ts";
import { completeUpload } from "../commands/uploads/complete-upload.ts";
import { DomainError } from "../domain/errors.ts";
import { requireNamespace } from "../domain/namespaces/namespace.ts";
import { BucketRegions } from "../domain/residency.ts";
import { FakeFileRepository } from "../testing/fakes/fake-file-repository.ts";
import { FakeObjectStore } from "../testing/fakes/fake-object-store.ts";
import { createFakeUploads } from "../testing/fakes/uploads/fake-upload-repositories.ts";
import {
  beginNext,
  createOpen,
  nextUuid,
  sampleObject,
  TEST_ACTOR,
} from "../testing/rigs/database/repository-subject.ts";
import { send } from "../testing/rigs/storage/object-store-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes } from "../testing/rigs/uploads/upload-rig.ts";
import { BENCH_LIMITS } from "../testing/rigs/uploads/writer-bench.ts";
import { NO_VALUES, SAMPLE_CALLER, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { MemoryBudget } from "../transfer/memory-budget.ts";
import { sweepUploads } from "./sweep-uploads.ts";

const HOUR_MS = 3_600_000;

describe("sweepUploads", () => {
  /** Repositories and storage on a clock that the test moves. */
  const open = () => {
    const clock = { now: 1_700_000_000_000 };
    const now = () => clock.now;
    const files = new FakeFileRepository({ now });
    const uploads = createFakeUploads(files, { now, namespaces: ["default", "other"] });
    const objects = new FakeObjectStore({ now });
    const namespace = requireNamespace(sampleNamespaces({ bucket: "bucket", keyPrefix: "" }), "default");
    const access = {
      uploads,
      objects,
      budget: new MemoryBudget(1),
      limits: BENCH_LIMITS,
      instance: "sweeper",
      regions: new BucketRegions(),
      namespaces: new Map(["default", "other"].map((name) => [name, { ...namespace, name }])),
      databaseBackoff: { triesMax: 1, baseDelayMs: 1, delayMaxMs: 1, timeMaxMs: 1, random: () => 0 },
    };
    const sweep = (namespace = "default", { cursor = "", batchMax = 10, batchesMax = 10 } = {}) => {
      return sweepUploads(access, { namespace, cursor, limits: { batchMax, batchesMax, stuckAfterMs: 1000 } });
    };
    return { clock, files, uploads, objects, access, sweep };
  };
  type World = ReturnType<typeof open>;
  const bytes = seededBytes(100);

  /** An upload with one durable part. */
  const write = async ({ uploads, objects }: World) => {
    const upload = await createOpen({ uploads });
    const { uploadId, s3Key: key } = upload;
    const multipartId = await objects.createMultipart("bucket", key, { contentType: "" });
    await uploads.writers.setMultipartId(uploadId, multipartId);
    const { epoch } = await beginNext({ uploads }, upload);
    const { etag } = await send(objects.beginPart({ bucket: "bucket", key, multipartId, partNumber: 1 }, 100), bytes);
    await uploads.writers.claimParts(uploadId, epoch, { first: 1, count: 1 });
    await uploads.writers.recordParts(uploadId, epoch, [
      { partNumber: 1, lengthBytes: 100, crc32: crc32(bytes), etag },
    ]);
    return upload;
  };
  /** The same, and its commit begun by a process that died. */
  const writeStuck = async (world: World) => {
    const upload = await write(world);
    await world.uploads.commits.seal(upload.uploadId, 100);
    await world.uploads.commits.beginCompletion(upload.uploadId, { crc32: crc32(bytes) });
    return upload;
  };

  it("finishes no commit while the bucket lies where files must not, and goes on expiring and removing", async () => {
    const world = open();
    const stuck = await writeStuck(world);
    const [due, dead] = [await createOpen(world, { expireAfterMs: 1 }), await write(world)];
    await world.uploads.catalogue.abort("default", dead.uploadId, TEST_ACTOR);
    world.access.regions.note("bucket", { region: "ap-southeast-2", readTime: new Date(0) });
    world.clock.now += 5000;
    expect(await world.sweep()).to.deep.include({ expired: 1, committed: 0, cleaned: 2, errors: [] });
    const stateOf = async (uploadId: string) => (await world.uploads.catalogue.get("default", uploadId)).upload.state;
    expect(await stateOf(stuck.uploadId)).to.equal("completing");
    expect(await stateOf(due.uploadId)).to.equal("expired");
    world.access.regions.note("bucket", { region: "eu-central-1", readTime: new Date(0) });
    expect(await world.sweep()).to.deep.include({ committed: 1, errors: [] });
  });

  it("goes past what fails at every sweep, and comes back to it", async () => {
    const world = open();
    const { uploads, objects } = world;
    const failing = [await write(world), await write(world), await write(world)];
    const stuck = [await writeStuck(world), await writeStuck(world), await writeStuck(world)];
    for (const { s3Key } of failing)
      objects.faults.add("abortMultipart", { kind: "fail" }, { key: new RegExp(s3Key), times: 100 });
    for (const { s3Key } of stuck)
      objects.faults.add("completeMultipart", { kind: "fail" }, { key: new RegExp(s3Key), times: 100 });
    for (const { uploadId } of failing) await uploads.catalogue.abort("default", uploadId, TEST_ACTOR);
    const later = await write(world);
    await uploads.catalogue.abort("default", later.uploadId, TEST_ACTOR);
    await writeStuck(world);
    world.clock.now += 2000;
    const first = await world.sweep("default", { batchMax: 2 });
    expect(first).to.deep.include({ committed: 0, cleaned: 0 });
    expect(first.errors).to.have.length(4);
    const second = await world.sweep("default", { batchMax: 2, cursor: first.cursor });
    expect(second).to.deep.include({ committed: 1, cleaned: 1 });
    objects.faults.clear();
    let { cursor } = second;
    const sum = { committed: 0, cleaned: 0 };
    for (let sweeps = 0; sweeps < 2; sweeps++) {
      const swept = await world.sweep("default", { batchMax: 2, cursor });
      sum.committed += swept.committed;
      sum.cleaned += swept.cleaned;
      cursor = swept.cursor;
    }
    expect({ ...sum, cursor }).to.deep.equal({ committed: 3, cleaned: 3, cursor: "" });
  });

  it("frees what a copy stored that nobody went on with, before its commit or after it", async () => {
    for (const lengthBytes of [50, 150]) {
      const { clock, files, uploads, objects, access, sweep } = open();
      const source = await createOpen({ uploads });
      const stored = seededBytes(lengthBytes);
      objects.overwrite("bucket", source.s3Key, stored);
      const content = { sizeBytes: lengthBytes, crc32: crc32(stored) };
      const object = sampleObject(source, { ...content, key: source.s3Key, versionId: "" });
      await uploads.commits.commit(source.uploadId, { fileId: nextUuid(), retentionMs: HOUR_MS, object });
      const limits = {
        objectMaxBytes: 100,
        partSizeBytes: 40,
        partsInFlightMax: 1,
        partsPerStepMax: 10_000,
        copiesMax: 1,
        otherCall: COPY_LIMITS.otherCall,
      };
      const copyFile = createFileCopier({ ...access, files }, limits);
      const copy = (requestId: string) =>
        copyFile(
          {
            requestId,
            namespace: "default",
            path: source.path,
            targetPath: "copy",
            etag: "",
            values: NO_VALUES,
            updateMask: undefined,
          },
          { caller: SAMPLE_CALLER },
        );
      const given = nextUuid();
      for (const requestId of [nextUuid(), given]) {
        objects.faults.add(lengthBytes > 100 ? "copyPart" : "copyObject", { kind: "lost-answer" });
        await copy(requestId).catch((error) => expect(error).to.have.property("reason", "STORAGE_UNAVAILABLE"));
      }
      const copied = await copy(given);
      for (let sweeps = 0; sweeps < 2; sweeps++) {
        clock.now += 25 * HOUR_MS;
        expect((await sweep()).errors).to.deep.equal([]);
      }
      expect(objects.keys).to.have.members([source.s3Key, copied.s3Key]);
      expect(objects.pendingMultiparts).to.deep.equal([]);
    }
  });

  it("leaves the uploads of a namespace alone that another service serves", async () => {
    const world = open();
    const { clock, objects, uploads } = world;
    const [due, aborted, wanted] = [1, 2, 3].map(() => createOpen(world, { namespace: "other" }));
    await uploads.catalogue.abort("other", (await aborted!).uploadId, TEST_ACTOR);
    const assembled = await wanted!;
    const { uploadId, s3Key: key } = assembled;
    objects.overwrite("bucket", key, bytes);
    const object = sampleObject(assembled, { key, versionId: "", sizeBytes: 100, crc32: crc32(bytes) });
    await uploads.commits.assemble(uploadId, object, { isCommitWanted: true });
    clock.now += 25 * HOUR_MS;
    for (const _ of [1, 2]) {
      expect(await world.sweep()).to.deep.include({ expired: 0, committed: 0, cleaned: 0, errors: [] });
    }
    expect((await uploads.catalogue.get("other", (await due!).uploadId)).upload.state).to.equal("open");
    expect(await world.sweep("other")).to.deep.include({ expired: 1, committed: 1, cleaned: 2, errors: [] });
    expect((await uploads.catalogue.get("other", uploadId)).upload.file?.crc32).to.equal(crc32(bytes));
  });

  it("expires uploads whose time is over, and frees what they stored, again where S3 did not let it go", async () => {
    const world = open();
    const upload = await write(world);
    world.clock.now += 25 * HOUR_MS;
    world.objects.faults.add("abortMultipart", { kind: "fail" });
    const { expired, cleaned, errors } = await world.sweep();
    expect({ expired, cleaned, errors: errors.length }).to.deep.equal({ expired: 1, cleaned: 0, errors: 1 });
    expect((await world.uploads.catalogue.get("default", upload.uploadId)).upload.state).to.equal("expired");
    expect(await world.sweep()).to.deep.include({ expired: 0, cleaned: 1, errors: [] });
    expect(world.objects.pendingMultiparts).to.deep.equal([]);
    const nothing = { expired: 0, committed: 0, lost: 0, cleaned: 0, errors: [], cursor: "" };
    expect(await world.sweep()).to.deep.equal(nothing);
  });

  it("finishes a commit that a process left, once it has stood still", async () => {
    const world = open();
    const upload = await writeStuck(world);
    expect((await world.sweep()).committed).to.equal(0);
    world.clock.now += 2000;
    expect(await world.sweep()).to.deep.include({ committed: 1, errors: [] });
    const { upload: after } = await world.uploads.catalogue.get("default", upload.uploadId);
    expect(after.file?.crc32).to.equal(crc32(bytes));
    expect(world.objects.bytesOf("bucket", upload.s3Key)).to.deep.equal(bytes);
  });

  describe("an upload that a process left assembled", () => {
    const openAssembled = async (
      wish: { isCommitWanted?: boolean; ifGenerationMatch?: number } = {},
      declared = {},
    ) => {
      const world = open();
      const upload = await createOpen(world, declared);
      const { uploadId, s3Key: key } = upload;
      world.objects.overwrite("bucket", key, bytes);
      const object = sampleObject(upload, { key, versionId: "", sizeBytes: 100, crc32: crc32(bytes) });
      await world.uploads.commits.assemble(uploadId, object, { isCommitWanted: true, ...wish });
      world.clock.now += 2000;
      const find = async () => (await world.uploads.catalogue.get("default", uploadId)).upload;
      return { ...world, upload, find };
    };
    const sha256 = createHash("sha256").update(bytes).digest();

    it("is committed once that is wanted, and has stood still", async () => {
      const world = await openAssembled();
      world.clock.now -= 1500;
      expect((await world.sweep()).committed).to.equal(0);
      world.clock.now += 1500;
      expect(await world.sweep()).to.deep.include({ committed: 1, errors: [] });
      expect((await world.find()).file?.crc32).to.equal(crc32(bytes));
      expect(await world.sweep()).to.deep.include({ committed: 0, errors: [] });
    });

    it("is committed though its time is over meanwhile, and waits for its caller where no commit is wanted", async () => {
      for (const isCommitWanted of [true, false]) {
        const world = await openAssembled({ isCommitWanted });
        expect((await world.find()).state).to.equal("assembled");
        world.clock.now += 25 * HOUR_MS;
        const { committed, expired, errors } = await world.sweep();
        expect({ committed, expired, errors }).to.deep.equal({
          committed: Number(isCommitWanted),
          expired: Number(!isCommitWanted),
          errors: [],
        });
      }
    });

    it("is committed with the SHA-256 that is still owed", async () => {
      const world = await openAssembled({}, { expectedSha256: sha256, computeSha256: true });
      expect(await world.sweep()).to.deep.include({ committed: 1, errors: [] });
      expect((await world.find()).file?.sha256).to.deep.equal(sha256);
    });

    it("is tried again while storage does not answer", async () => {
      const world = await openAssembled({}, { computeSha256: true });
      world.objects.faults.add("read", { kind: "fail" });
      const { committed, errors } = await world.sweep();
      expect([committed, errors.length]).to.deep.equal([0, 1]);
      world.clock.now += 2000;
      expect(await world.sweep()).to.deep.include({ committed: 1, errors: [] });
    });

    it("is its caller's again once its precondition or its SHA-256 refuses it", async () => {
      const wrong = { expectedSha256: new Uint8Array(32), computeSha256: true };
      for (const [wish, declared, reason] of [
        [{ ifGenerationMatch: 4 }, {}, "GENERATION_MISMATCH"],
        [{}, wrong, "CHECKSUM_MISMATCH"],
      ] as const) {
        const world = await openAssembled(wish, declared);
        const { errors } = await world.sweep();
        expect(errors.map((error) => (error as DomainError).reason)).to.deep.equal([reason]);
        world.clock.now += HOUR_MS;
        world.objects.faults.add("read", { kind: "fail" });
        expect(await world.sweep(), "not tried again").to.deep.include({ committed: 0, errors: [] });
        const request = { requestId: nextUuid(), namespace: "default", uploadId: world.upload.uploadId };
        const again = { ...request, ifGenerationMatch: 0, sha256: declared === wrong ? sha256 : undefined };
        const file = await completeUpload(world.access, again, { caller: SAMPLE_CALLER });
        expect(file.generation).to.equal(1);
      }
    });

    it("is left to the process that still reads it", async () => {
      const world = await openAssembled({}, { computeSha256: true });
      const hanging = world.objects.faults.add("read", { kind: "hang" });
      const request = { requestId: nextUuid(), namespace: "default", uploadId: world.upload.uploadId };
      const completing = completeUpload(world.access, request, { caller: SAMPLE_CALLER });
      await until("it is read", () => world.objects.faults.pending === 0);
      expect(await world.sweep()).to.deep.include({ committed: 0, errors: [] });
      hanging.release();
      expect((await completing).sha256).to.deep.equal(sha256);
    });
  });

  describe("a commit of which storage shows neither the upload nor its object", () => {
    const open404 = async () => {
      const world = open();
      const upload = await writeStuck(world);
      for (const multipartId of world.objects.pendingMultiparts) world.objects.forgetMultipart(multipartId);
      const stateOf = async () => (await world.uploads.catalogue.get("default", upload.uploadId)).upload.state;
      world.clock.now += 2000;
      return { ...world, upload, stateOf };
    };
    const MINUTE_MS = 60_000;

    it("is given up once that has lasted 15 minutes, and not before", async () => {
      const world = await open404();
      for (let minute = 0; minute < 15; minute++) {
        const { lost, errors } = await world.sweep();
        expect({ lost, reasons: errors.map((error) => (error as DomainError).reason) }).to.deep.equal({
          lost: 0,
          reasons: ["STORAGE_UNAVAILABLE"],
        });
        expect(await world.stateOf()).to.equal("completing");
        world.clock.now += MINUTE_MS;
      }
      expect(await world.sweep()).to.deep.include({ lost: 1, errors: [] });
      expect(await world.stateOf()).to.equal("aborted");
    });

    it("counts from when that was seen first, not from when it was begun", async () => {
      const world = await open404();
      world.clock.now += HOUR_MS;
      expect((await world.sweep()).lost).to.equal(0);
      expect(await world.stateOf()).to.equal("completing");
    });

    it("is committed when the object appears after all", async () => {
      const world = await open404();
      await world.sweep();
      world.objects.overwrite("bucket", world.upload.s3Key, bytes);
      world.clock.now += 20 * MINUTE_MS;
      expect(await world.sweep()).to.deep.include({ committed: 1, lost: 0, errors: [] });
    });

    it("is not given up while storage cannot be reached", async () => {
      for (const operation of ["listParts", "head"] as const) {
        const world = await open404();
        await world.sweep();
        world.clock.now += 20 * MINUTE_MS;
        world.objects.faults.add(operation, { kind: "fail" });
        expect((await world.sweep()).lost).to.equal(0);
        expect(await world.stateOf()).to.equal("completing");
      }
    });

    it("is not given up while its parts are there", async () => {
      const world = open();
      const upload = await writeStuck(world);
      for (const _ of [1, 2]) {
        world.clock.now += 20 * MINUTE_MS;
        world.objects.faults.add("completeMultipart", { kind: "fail" });
        expect(await world.sweep()).to.deep.include({ lost: 0, committed: 0 });
      }
      expect((await world.uploads.catalogue.get("default", upload.uploadId)).upload.state).to.equal("completing");
    });
  });

  describe("a commit of which storage has other bytes", () => {
    const openFailed = async () => {
      const world = open();
      const upload = await writeStuck(world);
      for (const multipartId of world.objects.pendingMultiparts) world.objects.forgetMultipart(multipartId);
      world.objects.overwrite("bucket", upload.s3Key, seededBytes(100, 9));
      world.clock.now += 2000;
      const { errors } = await world.sweep();
      expect(errors.map((error) => (error as DomainError).code)).to.deep.equal(["data_loss"]);
      const find = async () => (await world.uploads.catalogue.get("default", upload.uploadId)).upload;
      const request = () => ({ requestId: nextUuid(), namespace: "default", uploadId: upload.uploadId });
      return { ...world, upload, find, request };
    };

    it("is tried once, says why, and keeps its bytes", async () => {
      const world = await openFailed();
      world.clock.now += 1000 * HOUR_MS;
      expect(await world.sweep()).to.deep.include({ committed: 0, expired: 0, cleaned: 0, errors: [] });
      const { state, failure } = await world.find();
      expect([state, failure?.reason]).to.deep.equal(["completing", "CHECKSUM_MISMATCH"]);
      expect(failure?.message).to.include("other bytes");
      expect(world.objects.keys).to.deep.equal([world.upload.s3Key]);
    });

    it("is made by CompleteUpload once storage has the bytes", async () => {
      const world = await openFailed();
      const complete = () => completeUpload(world.access, world.request(), { caller: SAMPLE_CALLER });
      expect(await complete().catch((error: unknown) => error)).to.have.property("code", "data_loss");
      expect((await world.find()).failure?.reason, "still").to.equal("CHECKSUM_MISMATCH");
      world.objects.overwrite("bucket", world.upload.s3Key, bytes);
      expect((await complete()).crc32).to.equal(crc32(bytes));
      expect((await world.find()).failure).to.equal(undefined);
    });

    it("is taken up again when the process dies that CompleteUpload runs in", async () => {
      const world = await openFailed();
      world.objects.overwrite("bucket", world.upload.s3Key, bytes);
      world.objects.faults.add("completeMultipart", { kind: "fail" });
      const cut = completeUpload(world.access, world.request(), { caller: SAMPLE_CALLER });
      expect(await cut.catch((error: unknown) => error)).to.have.property("code", "unavailable");
      world.clock.now += 2000;
      expect(await world.sweep()).to.deep.include({ committed: 1, errors: [] });
    });

    it("is given up by AbortUpload, with the bytes", async () => {
      const world = await openFailed();
      await abortUpload(world.access, world.request(), { caller: SAMPLE_CALLER });
      expect((await world.find()).state).to.equal("aborted");
      expect(world.objects.keys).to.deep.equal([]);
    });

    it("fails likewise where storage cannot show what it has", async () => {
      const world = open();
      const upload = await writeStuck(world);
      const error = new DomainError("unimplemented", "storage states no checksums", { reason: "STORAGE_UNABLE" });
      world.objects.faults.add("completeMultipart", { kind: "fail", error });
      world.clock.now += 2000;
      expect((await world.sweep()).errors).to.deep.equal([error]);
      world.clock.now += HOUR_MS;
      expect(await world.sweep()).to.deep.include({ committed: 0, errors: [] });
      expect((await world.uploads.catalogue.get("default", upload.uploadId)).upload.failure?.reason).to.equal(
        "STORAGE_UNABLE",
      );
    });

    it("fails likewise where the object is gone that was assembled", async () => {
      const world = open();
      const upload = await createOpen(world, { computeSha256: true });
      const object = sampleObject(upload, { sizeBytes: 100, crc32: crc32(bytes) });
      await world.uploads.commits.assemble(upload.uploadId, object, { isCommitWanted: true });
      world.clock.now += 2000;
      expect((await world.sweep()).errors).to.have.length(1);
      world.clock.now += 1000 * HOUR_MS;
      expect(await world.sweep()).to.deep.include({ committed: 0, expired: 0, errors: [] });
      const { upload: found } = await world.uploads.catalogue.get("default", upload.uploadId);
      expect([found.state, found.failure?.reason]).to.deep.equal(["assembled", "FILE_NOT_FOUND"]);
    });
  });

  it("removes the object of an upload that was never committed, and every attempt to put it", async () => {
    const world = open();
    const upload = await createOpen(world);
    const { uploadId, s3Key } = upload;
    const { epoch } = await beginNext(world, upload);
    const keys = [`${s3Key}.1`, `${s3Key}.2`];
    for (const key of keys) {
      await world.uploads.writers.beginPutAttempt(uploadId, epoch);
      const put = world.objects.beginPut({ bucket: "bucket", contentType: "", beginAttempt: async () => key }, 100);
      await send(put, bytes);
    }
    await world.uploads.commits.assemble(uploadId, sampleObject(upload, { key: keys[1] as string, sizeBytes: 100 }));
    world.clock.now += 25 * HOUR_MS;
    await world.sweep();
    world.clock.now += HOUR_MS;
    expect((await world.sweep()).errors).to.deep.equal([]);
    expect(world.objects.keys).to.deep.equal([]);
  });

  it("removes what a fenced writer put, and keeps what was committed", async () => {
    const world = open();
    const upload = await createOpen(world);
    const { uploadId, s3Key } = upload;
    for (const attempt of [1, 2]) {
      const { epoch } = await beginNext(world, upload);
      const beginAttempt = async () => `${s3Key}.${await world.uploads.writers.beginPutAttempt(uploadId, epoch)}`;
      await send(world.objects.beginPut({ bucket: "bucket", contentType: "", beginAttempt }, 100), bytes);
      const object = sampleObject(upload, { key: `${s3Key}.${attempt}`, sizeBytes: 100 });
      if (attempt === 2)
        await world.uploads.commits.commit(uploadId, { fileId: nextUuid(), retentionMs: 0, object, epoch });
    }
    expect(await world.sweep()).to.deep.include({ cleaned: 0, errors: [] });
    world.clock.now += HOUR_MS;
    expect(await world.sweep()).to.deep.include({ cleaned: 1, errors: [] });
    expect(world.objects.keys).to.deep.equal([`${s3Key}.2`]);
    expect(await world.sweep()).to.deep.include({ cleaned: 0 });
  });

  it("removes the one part of a fenced writer from beside the multipart object that was committed", async () => {
    const world = open();
    const upload = await createOpen(world);
    const { uploadId, s3Key } = upload;
    const { epoch } = await beginNext(world, upload);
    const beginAttempt = async () => `${s3Key}.${await world.uploads.writers.beginPutAttempt(uploadId, epoch)}`;
    await send(world.objects.beginPut({ bucket: "bucket", contentType: "", beginAttempt }, 100), bytes);
    const object = sampleObject(upload, { key: s3Key, sizeBytes: 100 });
    await world.uploads.commits.commit(uploadId, { fileId: nextUuid(), retentionMs: 0, object });
    world.clock.now += HOUR_MS;
    expect(await world.sweep()).to.deep.include({ cleaned: 1, errors: [] });
    expect(world.objects.keys).to.deep.equal([]);
  });

  it("frees again what may land by presigned URLs, after the last of them", async () => {
    const world = open();
    const upload = await createOpen(world, { sizeBytes: 100, partSizeBytes: 100 });
    const { uploadId, s3Key: key } = upload;
    const part = { partNumber: 1, lengthBytes: 100, crc32: crc32(bytes) };
    const options = { instance: "test", expireAfterMs: 1, lifetimeMs: HOUR_MS };
    await world.uploads.writers.claimPresigned("default", uploadId, [part], options);
    const multipartId = await world.objects.createMultipart("bucket", key, { contentType: "" });
    await world.uploads.writers.setMultipartId(uploadId, multipartId);
    await cleanUpload(world.access, await world.uploads.catalogue.abort("default", uploadId, TEST_ACTOR));
    expect(world.objects.pendingMultiparts).to.deep.equal([]);
    world.clock.now += HOUR_MS;
    expect(await world.sweep()).to.deep.include({ cleaned: 0, errors: [] });
    world.clock.now += HOUR_MS;
    expect(await world.sweep()).to.deep.include({ cleaned: 1, errors: [] });
    expect(await world.sweep()).to.deep.include({ cleaned: 0 });
  });
});
