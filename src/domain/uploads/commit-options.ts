import type { AssembledObject, Upload } from "./upload.ts";

/** What comes with a finish that leaves the commit to a later call. */
export interface FinishOptions {
  /** Of the writer who finishes; left out where there is none. */
  epoch?: number | undefined;
  /** What the finish declares of the whole file. */
  expectedSha256?: Uint8Array | undefined;
}

/** How an upload is assembled. */
export interface AssembleOptions extends FinishOptions {
  /** Whether its commit is to follow, whoever does it. An upload that was `completing` has said so already. */
  isCommitWanted?: boolean;
  /** Replaces what creation declared. */
  ifGenerationMatch?: number | undefined;
}

/** Whether an `assembled` upload is to be committed, also when nobody asks again. */
export interface CommitWish {
  isWanted: boolean;
  /** What the commit is to compare; each replaces what was declared before, if given. */
  ifGenerationMatch?: number | undefined;
  expectedSha256?: Uint8Array | undefined;
}

/** What a commit is told. */
export interface CommitOptions {
  /** Id of the file to be, a UUID. */
  fileId: string;
  /** How long the superseded generation is kept, in milliseconds. */
  retentionMs: number;
  /** How long the committed generation is to be retained, in milliseconds from the commit; left out for not at all. */
  retainMs?: number;
  /** The object of a one-part upload that is still `open`. */
  object?: AssembledObject;
  /** Replaces what creation declared. */
  ifGenerationMatch?: number;
  /** Of the writer who commits; left out where there is none. */
  epoch?: number | undefined;
}

/** How a commit ended. Every outcome has been written down when it is returned. */
export type CommitOutcome =
  | { kind: "committed"; upload: Upload }
  /** The precondition failed: the upload stays `assembled`, and its commit is no longer wanted. `currentGeneration` is 0 when no live file is there. */
  | { kind: "generation-mismatch"; upload: Upload; currentGeneration: number };
