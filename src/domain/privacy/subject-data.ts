import type { File } from "../files/file.ts";
import type { JournalEntry } from "../journal/journal-entry.ts";
import type { Link } from "../links/link.ts";
import type { Upload } from "../uploads/upload.ts";

/** What is kept about a person, kind by kind in this order. */
export const SUBJECT_KINDS = ["file", "upload", "link", "entry"] as const;

/** One of them. */
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

/** One thing that is kept about a person; `id` is its place in the list of its kind. */
export type SubjectItem = { id: string } & (
  | { kind: "file"; file: File }
  | { kind: "upload"; upload: Upload }
  | { kind: "link"; link: Link }
  | { kind: "entry"; entry: JournalEntry }
);

/** What the database keeps about a person. Rejects `unavailable / DATABASE_UNAVAILABLE`. */
export interface SubjectData {
  /**
   * Of one kind: generations of files, also deleted and superseded ones and tombstones; uploads in every state; links that give one of these
   * files; entries of the journal about the person or these files. In the order of their ids, behind `after` ("" for the beginning), at
   * most `limit`.
   */
  list(
    namespace: string,
    dataSubject: string,
    page: { kind: SubjectKind; after: string; limit: number },
  ): Promise<SubjectItem[]>;
}
