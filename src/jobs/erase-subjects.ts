import { listNotes, readNote } from "../commands/privacy/erasure-notes.ts";
import { type ErasureAccess, runErasure } from "../commands/privacy/run-erasure.ts";
import { SERVICE_ACTOR } from "../domain/deed.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";

/** Erasures that one run goes on with. */
const RUNNING_MAX = 10;
/** Erasures whose notes one look at the database is about. */
const NOTES_AT_ONCE = 500;

type Options = { namespace: Pick<Namespace, "name" | "bucket" | "keyPrefix">; signal: AbortSignal };

/**
 * Goes on with the erasures of a namespace that were cut off, and looks for what was entered late about those that have just ended; resolves to how many have ended. Rejects as `runErasure`.
 */
export async function continueErasures(access: ErasureAccess, { namespace, signal }: Options): Promise<number> {
  let ended = 0;
  for (const erasure of await access.erasures.listRunning(namespace.name, RUNNING_MAX)) {
    if (signal.aborted) break;
    const { endTime } = await runErasure(access, erasure, { namespace, signal });
    if (endTime !== undefined && erasure.endTime === undefined) ended++;
  }
  return ended;
}

/**
 * Does erasures again that S3 has notes of and the database does not know: it was restored from before them. They go by the ids of the notes.
 * Resolves to how many those were. Rejects when the database or storage is away; another run goes on.
 */
export async function reapplyErasures(access: ErasureAccess, { namespace, signal }: Options): Promise<number> {
  let reapplied = 0;
  let some: { erasureId: string; keys: string[] }[] = [];
  const apply = async () => {
    const ids = some.map(({ erasureId }) => erasureId);
    const undone = new Set(await access.erasures.findUndone(namespace.name, ids));
    for (const noted of some.filter(({ erasureId }) => undone.has(erasureId))) {
      if (signal.aborted) return;
      await reapplyOne(access, noted, { namespace, signal });
      reapplied++;
    }
    some = [];
  };
  for await (const noted of listNotes(access.objects, namespace)) {
    some.push(noted);
    if (some.length >= NOTES_AT_ONCE) await apply();
  }
  await apply();
  return reapplied;
}

/** Until it has ended its row has no name, so that a run that is cut off is begun anew with all notes. */
async function reapplyOne(
  access: ErasureAccess,
  { erasureId, keys }: { erasureId: string; keys: readonly string[] },
  { namespace, signal }: Options,
): Promise<void> {
  const { erasures, objects } = access;
  const notes = [];
  for (const key of keys) notes.push(await readNote(objects, namespace.bucket, key));
  const erasure = await erasures.begin({
    ...{ erasureId, namespace: namespace.name, dataSubject: "", requestId: erasureId, actor: SERVICE_ACTOR },
  });
  for (const { kind, ids, times } of notes) {
    if (kind !== "entry") await erasures.add(erasure, kind, ids);
    else
      await erasures.redact(
        erasure,
        ids.map((id, index) => [times[index] ?? "", id]),
      );
  }
  await runErasure(access, erasure, { namespace, signal });
}
