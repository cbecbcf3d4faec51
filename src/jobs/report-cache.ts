import type { FileCache } from "../queries/file-cache.ts";
import type { JobLog } from "./start-jobs.ts";

/**
 * Logs how many of the files that were asked for came from memory: `hits`, `misses` and paths that were forgotten because
 * they changed (`evictions`), all since the start, and `hitRatio`, the share of hits since the last report. Logs nothing
 * when no file was asked for since then.
 */
export function createCacheReport({ counts }: Pick<FileCache, "counts">, log: Pick<JobLog, "info">): () => void {
  let told = { hits: 0, misses: 0 };
  return () => {
    const { hits, misses } = counts;
    const asked = hits - told.hits + misses - told.misses;
    if (asked === 0) return;
    const hitRatio = Number(((hits - told.hits) / asked).toFixed(3));
    log.info({ ...counts, hitRatio }, "files from memory");
    told = { hits, misses };
  };
}
