import type { Upload } from "./upload.ts";

/** Some uploads of a list, in its order. */
export interface UploadPage {
  uploads: Upload[];
  /** What the next page is listed `after`; "" when there were no more. */
  next: string;
}

/** Which page of a list: at most `limit` uploads, behind the `next` of the page before; "" for the first. */
export interface UploadPaging {
  after: string;
  limit: number;
}

/** What the sweeper asks of a namespace's uploads: the part of the UploadRepository that ends them. */
export interface UploadSweep {
  /**
   * open | assembled -> expired for uploads of a namespace past their expiry, but for those whose commit is wanted, or has
   * failed, at most `limit`; returns them.
   */
  expireDue(namespace: string, limit: number): Promise<Upload[]>;

  /**
   * Uploads of a namespace that are `completing` or `assembled` and whose commit was last wanted `olderThanMs` ago or earlier,
   * the longest ago first: a crash left them. Not those that have failed.
   */
  listStuck(namespace: string, options: UploadPaging & { olderThanMs: number }): Promise<UploadPage>;

  /**
   * Aborted and expired uploads of a namespace whose bytes may still be in S3, and committed ones with PutObject attempts that lost;
   * oldest change first. With PutObject attempts not before 10 minutes after that change, with presigned
   * parts not before 10 minutes after the last URL's expiry: a request that nobody waits for may land until then.
   */
  listUncleaned(namespace: string, paging: UploadPaging): Promise<UploadPage>;

  /** Notes that nothing of the upload is left in S3. Does nothing while `listUncleaned` would not list it yet. */
  markCleaned(uploadId: string): Promise<void>;
}
