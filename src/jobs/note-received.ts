import { DomainError } from "../domain/errors.ts";
import type { UploadWriters } from "../domain/uploads/upload-writers.ts";
import type { UploadSessions } from "../transfer/upload-sessions.ts";

/**
 * Tells the database what the writers of this process have received since the last run, so that whoever watches an upload
 * on another replica sees it move: one statement, however many write. Nothing is lost while the database is away: the next
 * run that finds progress, or the writer's heartbeat, notes the newer number. Other errors are thrown.
 */
export async function noteReceived(deps: {
  sessions: Pick<UploadSessions, "takeReceived">;
  writers: Pick<UploadWriters, "noteReceived">;
}): Promise<void> {
  const notes = deps.sessions.takeReceived();
  if (notes.length === 0) return;
  try {
    await deps.writers.noteReceived(notes);
  } catch (error) {
    if (!(error instanceof DomainError && error.code === "unavailable")) throw error;
  }
}
