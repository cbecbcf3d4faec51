import type { DatabasePool } from "slonik";
import type { UploadRepositories } from "../../domain/uploads/upload-repositories.ts";
import { createBorder } from "../pool/errors.ts";
import { createOrphanJudge } from "./orphan-judge.ts";
import { createUploadCatalogue } from "./upload-catalogue.ts";
import { createUploadCommits } from "./upload-commits.ts";
import { createUploadSweep } from "./upload-sweep.ts";
import { createUploadWriters } from "./upload-writers.ts";

/** Uploads in PostgreSQL. Their ports share the limits of one border, and hold nothing between calls. */
export function createUploadRepositories(pool: DatabasePool): UploadRepositories {
  const atBorder = createBorder();
  return {
    catalogue: atBorder(createUploadCatalogue(pool)),
    writers: atBorder(createUploadWriters(pool)),
    commits: atBorder(createUploadCommits(pool)),
    sweep: atBorder(createUploadSweep(pool)),
    orphans: atBorder(createOrphanJudge(pool)),
  };
}
