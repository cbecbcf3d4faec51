import { type HoldSettling, settleHold } from "../commands/files/settle-hold.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";

/** What a run did, in files, and where the next one goes on. */
export interface HoldsResult {
  settled: number;
  /** The failures; a later run tries again. */
  errors: unknown[];
  cursor: string;
}

/**
 * Tells storage the holds of a namespace that it may not have: those that were set or lifted while storage or the process failed. One
 * that fails is passed over until the next round. Rejects when the database cannot be reached.
 */
export async function settleHolds(
  deps: HoldSettling & { files: Pick<FileRepository, "listUnsettledHolds"> },
  { namespace, cursor, limit }: { namespace: string; cursor: string; limit: number },
): Promise<HoldsResult> {
  const { files, next } = await deps.files.listUnsettledHolds(namespace, { after: cursor, limit });
  const result: HoldsResult = { settled: 0, errors: [], cursor: next };
  for (const file of files) {
    try {
      await settleHold(deps, file);
      result.settled++;
    } catch (error) {
      result.errors.push(error);
    }
  }
  return result;
}
