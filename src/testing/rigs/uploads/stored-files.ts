import type { File } from "../../../domain/files/file.ts";
import { FakeFileRepository } from "../../fakes/fake-file-repository.ts";
import { FakeObjectStore } from "../../fakes/fake-object-store.ts";
import { createFakeUploads } from "../../fakes/uploads/fake-upload-repositories.ts";
import { SAMPLE_BYTES } from "../../samples/sample-records.ts";
import {
  createOpen,
  nextIdentity,
  nextPath,
  nextUuid,
  RETENTION_MS,
  sampleObject,
} from "../database/repository-subject.ts";

/** Repositories and storage in memory, on one clock, and what stores files in both; the bucket is named "bucket". */
export function createStoredFiles(options: Partial<ConstructorParameters<typeof FakeObjectStore>[0]> = {}) {
  const clock = options.now === undefined ? {} : { now: options.now };
  const files = new FakeFileRepository(clock);
  const uploads = createFakeUploads(files, clock);
  const objects = new FakeObjectStore(options);
  const store = async (path = nextPath()): Promise<File> => {
    const upload = await createOpen({ uploads }, { path });
    const { key } = sampleObject(upload);
    objects.overwrite("bucket", key, Buffer.from(SAMPLE_BYTES));
    const versionId = (await objects.head("bucket", key))?.versionId ?? "";
    const object = sampleObject(upload, { versionId, sizeBytes: SAMPLE_BYTES.length });
    const commit = { fileId: nextUuid(), retentionMs: RETENTION_MS, object };
    return (await uploads.commits.commit(upload.uploadId, commit)).upload.file as File;
  };
  /** A file that is deleted, and kept for `retentionMs`. */
  const storeDeleted = async (path?: string, retentionMs = RETENTION_MS): Promise<File> => {
    const file = await store(path);
    return await files.delete("default", file.path, { identity: nextIdentity(), retentionMs });
  };
  return { files, uploads, objects, store, storeDeleted };
}
