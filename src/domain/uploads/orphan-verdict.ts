/**
 * What our rows say of something in storage. `dead`: a row proves that nobody owns it. `kept`: somebody owns it, or it is too
 * young to tell, or it belongs to another namespace, whose service judges it. `foreign`: no row of ours knows it. Something
 * foreign is reported and never touched: another writer, or a database that was restored, must not cost anybody's bytes.
 */
export type OrphanVerdict = "dead" | "kept" | "foreign";

/** Which rows judge: those of one namespace; something must be at least `olderThanMs` old (milliseconds) to be dead. */
export interface OrphanTerms {
  namespace: string;
  olderThanMs: number;
}

/** Judges what storage lists, by rows alone and by the database's clock. Rejects `unavailable / DATABASE_UNAVAILABLE`. */
export interface OrphanJudge {
  /**
   * Judges multipart uploads that storage lists, in their order. One is dead when its key belongs to an upload that has ended
   * or that owns another multipart upload, and when it was initiated `olderThanMs` ago or earlier.
   */
  judgeMultiparts(
    bucket: string,
    multiparts: readonly { key: string; multipartId: string; initiated: Date }[],
    terms: OrphanTerms,
  ): Promise<OrphanVerdict[]>;

  /**
   * Judges keys of objects that storage lists, in their order. A key is dead when no file has it and its upload, and the
   * upload's URLs too, ended `olderThanMs` ago or earlier. A key that the upload's row cannot have made is foreign.
   */
  judgeKeys(bucket: string, keys: readonly string[], terms: OrphanTerms): Promise<OrphanVerdict[]>;
}
