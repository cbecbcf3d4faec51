import type { OrphanJudge } from "./orphan-verdict.ts";
import type { UploadCatalogue } from "./upload-catalogue.ts";
import type { UploadCommits } from "./upload-commits.ts";
import type { UploadSweep } from "./upload-sweep.ts";
import type { UploadWriters } from "./upload-writers.ts";

/**
 * Uploads and their parts in the database: one port for each family of steps. Every transition is one compare-and-set on the
 * database's clock, and every method is safe to repeat. No method talks to S3.
 *
 * All ports share these errors: `not_found / UPLOAD_NOT_FOUND`; `failed_precondition / UPLOAD_NOT_OPEN` (details.state) when
 * the state of the upload does not allow the step; `aborted / WRITER_FENCED` when a newer writer has begun whose range
 * intersects the writer's own, whatever the newer one has done since (writers of disjoint ranges work side by side);
 * `unavailable / DATABASE_UNAVAILABLE` when the database cannot be reached.
 *
 * An optional `epoch` names the writer who finishes: once that writer is fenced the step is refused WRITER_FENCED, under the
 * row's lock. Callers that have no writer (CompleteUpload, the sweeper) leave it out.
 */
export interface UploadRepositories {
  catalogue: UploadCatalogue;
  writers: UploadWriters;
  commits: UploadCommits;
  sweep: UploadSweep;
  orphans: OrphanJudge;
}
