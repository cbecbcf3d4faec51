import type { Upload } from "./upload.ts";

/** Some uploads of a list, in its order. */
export interface UploadPage {
  uploads: Upload[];
  /** The next page is listed `after` this; "" when there are no more. */
  next: string;
}

/** Which page of a list: at most `limit` uploads, behind the `next` of the page before; "" for the first. */
export interface UploadPaging {
  after: string;
  limit: number;
}

/** Finds and ends the uploads of a namespace that nobody else ends. Errors that all methods share: see `UploadRepositories`. */
export interface UploadSweep {
  /**
   * open | assembled -> expired for at most `limit` uploads of a namespace that are past their expiry; returns them. Uploads
   * whose commit is wanted, or has failed, do not expire.
   */
  expireDue(namespace: string, limit: number): Promise<Upload[]>;

  /**
   * Uploads of a namespace that are `completing` or `assembled` and whose commit was last wanted `olderThanMs` ago or earlier,
   * the longest ago first: a crash left them. Uploads whose commit has failed are not listed.
   */
  listStuck(namespace: string, options: UploadPaging & { olderThanMs: number }): Promise<UploadPage>;

  /**
   * Aborted and expired uploads of a namespace whose bytes may still be in S3, and committed ones with PutObject attempts that
   * lost; the oldest change comes first. A request that nobody waits for may land late, so uploads with PutObject attempts are
   * listed 10 minutes after that change, and uploads with presigned parts 10 minutes after the last URL's expiry.
   */
  listUncleaned(namespace: string, paging: UploadPaging): Promise<UploadPage>;

  /** Notes that nothing of the upload is left in S3. Does nothing while `listUncleaned` would not list it yet. */
  markCleaned(uploadId: string): Promise<void>;
}
