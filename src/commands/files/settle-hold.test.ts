import { expect } from "chai";
import { isHeldInStorage } from "../../domain/files/file.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import { settleHolds } from "../../jobs/settle-holds.ts";
import { nextIdentity, nextUuid, RETENTION_MS } from "../../testing/rigs/database/repository-subject.ts";
import { createStoredFiles } from "../../testing/rigs/uploads/stored-files.ts";
import { catchError, NO_VALUES, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { purgeFile } from "./purge-file.ts";
import { settleHold } from "./settle-hold.ts";
import { updateFile } from "./update-file.ts";

describe("a legal hold in storage", () => {
  const open = (lockedBuckets: string[] = ["bucket"]) => {
    const { files, objects, store } = createStoredFiles({ lockedBuckets });
    const deps = { files, objects, namespaces: sampleNamespaces({ bucket: "bucket" }) };
    const hold = (path: string, legalHold: boolean, requestId = nextUuid()) =>
      updateFile(
        deps,
        {
          requestId,
          namespace: "default",
          path,
          etag: "",
          values: { ...NO_VALUES, legalHold },
          updateMask: ["legal_hold"],
        },
        { caller: SAMPLE_CALLER },
      );
    const purge = async (path: string) => {
      await files.delete("default", path, { identity: nextIdentity(), retentionMs: RETENTION_MS });
      return await purgeFile(
        deps,
        { requestId: nextUuid(), namespace: "default", path, etag: "" },
        { caller: SAMPLE_CALLER },
      );
    };
    const runJob = () => settleHolds(deps, { namespace: "default", cursor: "", limit: 10 });
    return { files, objects, store, hold, purge, runJob };
  };

  it("is set and lifted with the row's, and the answer says so", async () => {
    const { objects, store, hold } = open();
    const { path, s3Key } = await store();
    expect(isHeldInStorage(await hold(path, true))).to.equal(true);
    expect(objects.isHeld("bucket", s3Key)).to.equal(true);
    expect(isHeldInStorage(await hold(path, false))).to.equal(false);
    expect(objects.isHeld("bucket", s3Key)).to.equal(false);
  });

  it("is none where the bucket has no Object Lock: the record keeps the file, and the answer says so", async () => {
    const { store, hold, runJob } = open([]);
    const { path } = await store();
    const held = await hold(path, true);
    expect(held).to.include({ legalHold: true, holdSettled: undefined });
    expect(isHeldInStorage(held)).to.equal(false);
    expect(await runJob()).to.deep.equal({ settled: 0, errors: [], cursor: "" });
  });

  for (const kind of ["fail", "lost-answer"] as const) {
    it(`follows the row when storage fails (${kind}): by the job, or by the same request again`, async () => {
      const { objects, store, hold, runJob } = open();
      const [first, second] = [await store(), await store()];
      for (const legalHold of [true, false]) {
        objects.faults.add("setLegalHold", { kind }, { times: 2 });
        const requestId = nextUuid();
        expect(await hold(first.path, legalHold)).to.include({ legalHold, holdSettled: false });
        expect(isHeldInStorage(await hold(second.path, legalHold, requestId))).to.equal(false);
        expect(await hold(second.path, legalHold, requestId)).to.include({ legalHold, holdSettled: true });
        expect(await runJob()).to.deep.equal({ settled: 1, errors: [], cursor: "" });
        for (const { s3Key } of [first, second]) expect(objects.isHeld("bucket", s3Key)).to.equal(legalHold);
      }
    });
  }

  it("leaves it to a later run of the job when storage still fails, and tells it the others", async () => {
    const { objects, store, hold, runJob } = open();
    objects.faults.add("setLegalHold", { kind: "fail" }, { times: 3 });
    for (let count = 0; count < 2; count++) await hold((await store()).path, true);
    const { settled, errors } = await runJob();
    expect([settled, errors.length]).to.deep.equal([1, 1]);
    expect(await runJob()).to.include({ settled: 1 });
  });

  it("is what the row says in the end, however two who tell storage overtake each other", async () => {
    const { files, objects, store, hold } = open();
    const { path, s3Key } = await store();
    // The first has read the row under a hold, and its request to storage arrives after the hold was lifted for good.
    const slow: Pick<ObjectStore, "setLegalHold"> = {
      setLegalHold: async (...asked) => {
        if (asked[2].isHeld) await hold(path, false);
        return await objects.setLegalHold(...asked);
      },
    };
    const held = await hold(path, true);
    const settled = await settleHold({ files, objects: slow }, held);
    expect(settled).to.include({ legalHold: false, holdSettled: true });
    expect(objects.isHeld("bucket", s3Key)).to.equal(false);
  });

  it("keeps no purge waiting that the service itself has left in storage", async () => {
    const { objects, store, hold, purge } = open();
    const { path, s3Key } = await store();
    await hold(path, true);
    objects.faults.add("setLegalHold", { kind: "fail" });
    await hold(path, false);
    expect(objects.isHeld("bucket", s3Key)).to.equal(true);
    expect(await purge(path)).to.include({ purgeState: "purged" });
    expect(objects.keys).to.deep.equal([]);
  });

  it("is left alone by a purge when somebody else has set it", async () => {
    const { files, objects, store, purge } = open();
    const { path, s3Key } = await store();
    await objects.setLegalHold("bucket", s3Key, { isHeld: true });
    expect(await catchError(() => purge(path))).to.include({ reason: "STORAGE_UNAVAILABLE" });
    expect((await files.get("default", path, { generation: 1 })).purgeState).to.equal("purging");
    expect(objects.keys).to.deep.equal([s3Key]);
  });
});
