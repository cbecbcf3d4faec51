import { DomainError } from "../domain/errors.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/**
 * Takes a step of a commit. Where storage has other bytes than were durable, or none, that stays with the upload, so that it is
 * not tried at every sweep for ever: its caller sees why, and completes or aborts it.
 */
export async function notingFailure<T>(access: UploadAccess, uploadId: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof DomainError && error.code === "data_loss") {
      const { reason, message } = error;
      // Best effort: what is not noted now the next sweep finds again.
      await withDatabase(access, () => access.uploads.noteFailure(uploadId, { reason, message })).catch(() => {});
    }
    throw error;
  }
}
