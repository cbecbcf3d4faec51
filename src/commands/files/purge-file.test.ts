import { expect } from "chai";
import type { DomainError } from "../../domain/errors.ts";
import { FakeFileRepository } from "../../testing/fakes/fake-file-repository.ts";
import { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import { createFakeUploads } from "../../testing/fakes/uploads/fake-upload-repositories.ts";
import {
  createOpen,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
} from "../../testing/rigs/database/repository-subject.ts";
import { send } from "../../testing/rigs/storage/object-store-subject.ts";
import { catchError, SAMPLE_BYTES, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type PurgeFileRequest, purgeFile } from "./purge-file.ts";

describe("purgeFile", () => {
  const open = (versionedBuckets: string[] = []) => {
    const files = new FakeFileRepository();
    const uploads = createFakeUploads(files);
    const objects = new FakeObjectStore({ versionedBuckets });
    const deps = { files, objects, namespaces: sampleNamespaces({ bucket: "bucket" }) };
    const purge = (request: Partial<PurgeFileRequest>) =>
      purgeFile(
        deps,
        { requestId: nextUuid(), namespace: "default", path: "a", etag: "", ...request },
        { caller: SAMPLE_CALLER },
      );
    /** A file whose bytes are stored. */
    const store = async (path = nextPath()) => {
      const { uploadId, bucket, s3Key } = await createOpen({ uploads }, { path });
      const put = { bucket, contentType: "", beginAttempt: async () => `${s3Key}.1` };
      await send(objects.beginPut(put, SAMPLE_BYTES.length), SAMPLE_BYTES);
      const head = await objects.head(bucket, `${s3Key}.1`);
      if (head === undefined) throw new Error("the bytes are not stored");
      const object = { ...head, key: `${s3Key}.1`, crc32: head.crc32 as number, sha256: undefined };
      const options = { fileId: nextUuid(), retentionMs: RETENTION_MS, object };
      const { file } = (await uploads.commits.commit(uploadId, options)).upload;
      return file as NonNullable<typeof file>;
    };
    const storeDeleted = async () => {
      const { path } = await store();
      return await files.delete("default", path, { identity: nextIdentity(), retentionMs: RETENTION_MS });
    };
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
