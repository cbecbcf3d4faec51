import { SERVICE_ACTOR } from "../../domain/deed.ts";
import { DomainError } from "../../domain/errors.ts";
import type { NewEntry } from "../../domain/journal/new-entry.ts";
import type { Difference, ReconcileAccess } from "./difference.ts";

/**
 * Deletes the bytes that rows prove to be nobody's, and notes in each difference what became of it. The entries come first; a deletion
 * that then fails (a lock of storage, an outage) is told, and another run tries it again. Rejects when the entries cannot be written:
 * then nothing is deleted.
 */
export async function repair(
  { objects, journal, now }: Pick<ReconcileAccess, "objects" | "journal" | "now">,
  differences: readonly Difference[],
): Promise<void> {
  const possible = differences.filter((difference) => difference.repair === "possible");
  if (possible.length === 0) return;
  await journal.enter(possible.map((difference) => toEntry(difference, now())));
  for (const difference of possible) {
    const { bucket, key, versionId } = difference;
    try {
      await objects.delete(bucket, key, { versionId: versionId || "null" });
      difference.repair = "done";
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      difference.repair = "failed";
    }
  }
}

/** The last part of a key is the id of its upload, and maybe the number of an attempt. */
const UPLOAD_OF_KEY = /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.\d+)?$/;

function toEntry({ namespace, key, file }: Difference, time: Date): NewEntry {
  const resource = file
    ? ({ kind: "file", id: file.fileId, generation: file.generation } as const)
    : ({ kind: "upload", id: UPLOAD_OF_KEY.exec(key)?.[1] } as const);
  const of = { namespace, resource, actor: SERVICE_ACTOR, path: file?.path ?? "", dataSubject: "" };
  return { ...of, action: "RepairStorage", outcome: "done", time, times: 1 };
}
