/**
 * One call on a path of a pair, as the judges of histories read it. A history holds all calls on its pairs from their beginning, when
 * neither path had a file yet.
 */
export interface Operation {
  readonly pair: number;
  readonly caller: number;
  /**
   * When the call began, in whole microseconds of one clock. A read that was promised less than the newest state begins earlier: with
   * the command whose position it carried.
   */
  readonly call: number;
  /** When its answer was there. Without meaning when the outcome is unknown. */
  readonly return: number;
  /** Each move goes to the other path of the pair. */
  readonly kind: "commit" | "get" | "delete" | "undelete" | "move";
  /** The call is about this path of its pair. */
  readonly path: 0 | 1;
  /** The CRC32 of the bytes that a commit brings, or that the answer tells; no two commits have the same. */
  readonly content?: number;
  /** The generation that the answer tells. Absent when the answer may tell that of a later change. */
  readonly generation?: number;
  /** The condition of a commit: the generation that must be live at its commit, 0 for none. */
  readonly ifGeneration?: number;
  /** A read was promised to see at least this generation of the path. */
  readonly seen?: number;
  /**
   * The outcome of the call: it was done; there was no such file; a file is there; another generation is live than the condition says. The
   * effect of an unknown outcome may come at any time, or never.
   */
  readonly outcome: "ok" | "missing" | "exists" | "mismatch" | "unknown";
}
