/**
 * What a row of ours says of something in storage. `dead`: a row proves that it is nobody's. `kept`: it is somebody's, or too
 * young to tell, or of another namespace, whose service judges it. `foreign`: no row of ours knows it, so it is reported and never touched: another writer, or a database that
 * was restored, must not cost anybody's bytes.
 */
export type OrphanVerdict = "dead" | "kept" | "foreign";

/** Which rows judge: those of one namespace, and how old in milliseconds something must be to be dead. */
export interface OrphanTerms {
  namespace: string;
  olderThanMs: number;
}

/** Who says so: by rows alone, and by the database's clock. Rejects `unavailable / DATABASE_UNAVAILABLE`. */
export interface OrphanJudge {
  /**
   * Judges multipart uploads that storage lists, in their order: dead when their key is an upload's that has ended or owns
   * another, and they were initiated `olderThanMs` ago or earlier.
   */
  judgeMultiparts(
    bucket: string,
    multiparts: readonly { key: string; multipartId: string; initiated: Date }[],
    terms: OrphanTerms,
  ): Promise<OrphanVerdict[]>;

  /**
   * Judges keys of objects that storage lists, in their order: dead when they are an upload's that has ended for
   * `olderThanMs`, its URLs too, and no file's. One that the upload's row cannot have made is foreign.
   */
  judgeKeys(bucket: string, keys: readonly string[], terms: OrphanTerms): Promise<OrphanVerdict[]>;
}
