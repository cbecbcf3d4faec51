import { crc32 } from "node:zlib";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import { createOpen, nextUuid, RETENTION_MS } from "../../testing/rigs/database/repository-subject.ts";
import { send } from "../../testing/rigs/storage/object-store-subject.ts";
import { seededBytes } from "../../testing/rigs/uploads/upload-rig.ts";
import { createBench } from "../../testing/rigs/uploads/writer-bench.ts";
import { catchError, NO_VALUES, SAMPLE_CALLER } from "../../testing/samples/sample-records.ts";
import { createCopyWorker } from "./copy-worker.ts";

/** Above 100 bytes in parts of 40, two a step. */
const LIMITS = {
  ...{ objectMaxBytes: 100, partSizeBytes: 40, partsInFlightMax: 2, partsPerStepMax: 2 },
  otherCall: { triesMax: 10, baseDelayMs: 1, delayMaxMs: 1, timeMaxMs: 60_000, random: () => 1 },
};

describe("createCopyWorker", () => {
  const open = () => {
    const bench = createBench();
    const { access, files, objects } = bench;
    const right = { isLost: false };
    const admit = async () => {
      if (right.isLost) throw new DomainError("permission_denied", "no more", { reason: "PERMISSION_DENIED" });
      return { scopeNow: undefined };
    };
    const worker = createCopyWorker({ ...access, files, admit }, LIMITS);
    const store = async (path: string, lengthBytes: number) => {
      const { uploadId, bucket, s3Key } = await createOpen(access, { path });
      const bytes = seededBytes(lengthBytes);
      const key = `${s3Key}.1`;
      await send(objects.beginPut({ bucket, contentType: "", beginAttempt: async () => key }, lengthBytes), bytes);
      const object = { key, versionId: "", etag: "e", sizeBytes: lengthBytes, crc32: crc32(bytes), sha256: undefined };
      await access.uploads.commits.commit(uploadId, { fileId: nextUuid(), retentionMs: RETENTION_MS, object });
      return bytes;
    };
    const operation: Operation<"copy"> = {
      ...{ operationId: nextUuid(), namespace: "default", requestId: nextUuid(), caller: SAMPLE_CALLER, kind: "copy" },
      ...{ createTime: new Date(0), beginTime: new Date(0), cancelTime: undefined, endTime: undefined },
      ...{ cursor: "", revision: 0, error: undefined, response: undefined },
      request: { path: "a", targetPath: "b", etag: "", values: NO_VALUES },
      progress: { copiedBytes: 0, sizeBytes: 0 },
    };
    const step = () => worker.step(operation, { signal: new AbortController().signal });
    return { ...bench, worker, right, operation, store, step };
  };

  it("copies some parts a step, tells how far it is, and ends with the copy", async () => {
    const { files, objects, store, step } = open();
    const bytes = await store("a", 200);
    expect(await step())
      .to.have.property("progress")
      .that.deep.equals({ copiedBytes: 80, sizeBytes: 200 });
    expect(await step())
      .to.have.property("progress")
      .that.deep.equals({ copiedBytes: 160, sizeBytes: 200 });
    const { fileId, s3Key } = await step().then(() => files.get("default", "b"));
    expect(objects.bytesOf("bucket", s3Key)).to.deep.equal(bytes);
    const again = await step();
    expect(again, "the last step, again").to.deep.include({ response: { fileId, path: "b", generation: 1 } });
    expect(objects.pendingMultiparts).to.deep.equal([]);
  });

  it("copies a small file in one step", async () => {
    const { store, step } = open();
    await store("a", 10);
    expect(await step())
      .to.have.property("response")
      .that.includes({ path: "b", generation: 1 });
  });

  it("leaves nothing of a copy that is given up, however often that is done", async () => {
    const { files, objects, worker, operation, store, step } = open();
    await store("a", 200);
    await worker.abandon(operation);
    await step();
    expect(objects.pendingMultiparts).to.have.lengthOf(1);
    for (const _ of [1, 2]) await worker.abandon(operation);
    expect(objects.pendingMultiparts).to.deep.equal([]);
    expect(await catchError(() => files.get("default", "b"))).to.include({ reason: "FILE_NOT_FOUND" });
  });

  it("ends with the right of its starter", async () => {
    const { right, store, step } = open();
    await store("a", 200);
    await step();
    right.isLost = true;
    expect(await catchError(step)).to.include({ reason: "PERMISSION_DENIED" });
  });
});
