/** One thing that the log has published. */
export interface LogObject {
  bytes: Uint8Array;
  /** Names these bytes to `replace`. */
  etag: string;
}

/**
 * Where the log is published: objects under paths such as "checkpoint" and "tile/0/000". What one call has written, every later
 * call reads. All reject with `unavailable / STORAGE_UNAVAILABLE` when storage does not answer or refuses.
 */
export interface LogStore {
  /** Undefined when there is none. */
  read(path: string, options?: { signal?: AbortSignal | undefined }): Promise<LogObject | undefined>;
  /**
   * Writes an object where there is none; resolves to whether it did. With `isLocked` nobody can remove it or write over it for as long
   * as the log is to be kept, where storage can promise that.
   */
  create(path: string, bytes: Uint8Array, options: { isLocked: boolean }): Promise<boolean>;
  /** Writes over the object that has this ETag, or where there is none when it is undefined. The new ETag; undefined when another is there. */
  replace(path: string, bytes: Uint8Array, etag: string | undefined): Promise<string | undefined>;
}

/** The same log, for those who only read it. */
export type LogReader = Pick<LogStore, "read">["read"];
