import type { UploadRepositories } from "../../../domain/uploads/upload-repositories.ts";
import type { FakeFileRepository } from "../fake-file-repository.ts";
import { FakeOrphanJudge } from "./fake-orphan-judge.ts";
import { FakeUploadCatalogue } from "./fake-upload-catalogue.ts";
import { FakeUploadCommits } from "./fake-upload-commits.ts";
import { FakeUploadSweep } from "./fake-upload-sweep.ts";
import { FakeUploadWriters } from "./fake-upload-writers.ts";
import { type FakeUploadOptions, StoredUploads } from "./stored-uploads.ts";

/** Uploads in memory. They are trusted because they pass the same contract suites as those in PostgreSQL. */
export function createFakeUploads(files: FakeFileRepository, options: FakeUploadOptions = {}): UploadRepositories {
  const stored = new StoredUploads(files, options);
  return {
    catalogue: new FakeUploadCatalogue(stored),
    writers: new FakeUploadWriters(stored),
    commits: new FakeUploadCommits(stored),
    sweep: new FakeUploadSweep(stored),
    orphans: new FakeOrphanJudge(stored),
  };
}
