import { expect } from "chai";
import type { DomainError } from "../../domain/errors.ts";
import type { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import { nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { createStoredFiles } from "../../testing/rigs/uploads/stored-files.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type PurgeFileRequest, purgeFile } from "./purge-file.ts";

describe("purgeFile", () => {
  const open = (versionedBuckets: string[] = []) => {
    const { files, objects, store, storeDeleted } = createStoredFiles({ versionedBuckets });
    const deps = { files, objects, namespaces: sampleNamespaces({ bucket: "bucket" }) };
    const purge = (request: Partial<PurgeFileRequest>) =>
      purgeFile(
        deps,
        { requestId: nextUuid(), namespace: "default", path: "a", etag: "", ...request },
        { caller: SAMPLE_CALLER },
      );
    return { files, objects, purge, store, storeDeleted };
  };
  const versionsOf = async (objects: FakeObjectStore) =>
    (await objects.listVersions("bucket", { keyPrefix: "", pageMax: 100 })).versions;

  for (const [name, versioned] of [
    ["a bucket without versions", []],
    ["a bucket that keeps versions", ["bucket"]],
  ] as const) {
    it(`removes the bytes from ${name}, and those of no other file`, async () => {
      const { objects, purge, store, storeDeleted } = open([...versioned]);
      const other = await store();
      const { path } = await storeDeleted();
      const tombstone = await purge({ path });
      expect(tombstone).to.deep.include({ path, generation: 1, purgeState: "purged", metadata: {}, labels: {} });
      expect((await versionsOf(objects)).map(({ key }) => key)).to.deep.equal([other.s3Key]);
    });
  }

  it("leaves a file marked when storage fails, and goes on when it is asked again", async () => {
    for (const kind of ["fail", "lost-answer"] as const) {
      const { files, objects, purge, storeDeleted } = open();
      const { path } = await storeDeleted();
      objects.faults.add("delete", { kind });
      const request = { requestId: nextUuid(), path };
      const error = (await catchError(() => purge(request))) as DomainError;
      expect(error.reason).to.equal("STORAGE_UNAVAILABLE");
      expect((await files.get("default", path, { generation: 1 })).purgeState).to.equal("purging");
      expect((await purge(request)).purgeState).to.equal("purged");
      expect(objects.keys).to.deep.equal([]);
      expect(await purge(request)).to.deep.equal(await purge({ path }));
    }
  });

  it("takes bytes that are gone already for removed", async () => {
    const { objects, purge, storeDeleted } = open();
    const { path, s3Key } = await storeDeleted();
    await objects.deleteVersions("bucket", s3Key);
    expect((await purge({ path })).purgeState).to.equal("purged");
  });

  it("touches storage for nothing that may not be purged", async () => {
    const { objects, purge, store } = open();
    const { path } = await store();
    const refusals: [Partial<PurgeFileRequest>, object][] = [
      [{ path }, { code: "failed_precondition", reason: "FILE_LIVE" }],
      [{ path, generation: 2 }, { reason: "FILE_NOT_FOUND" }],
      [
        { path, generation: 0 },
        { code: "invalid_argument", field: "generation" },
      ],
      [{ path: "../a" }, { reason: "PATH_INVALID" }],
      [{ path, namespace: "'; DROP TABLE file; --" }, { reason: "NAMESPACE_NOT_FOUND" }],
      [{ path, requestId: "1" }, { reason: "REQUEST_ID_INVALID" }],
    ];
    for (const [request, refusal] of refusals) expect(await catchError(() => purge(request))).to.include(refusal);
    expect(objects.keys).to.have.lengthOf(1);
  });
});
