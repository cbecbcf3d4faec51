import { DomainError, type ErrorCode } from "../../domain/errors.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/** Storage has other bytes than were durable, or none, or is of a kind that cannot show which: nothing that passes by itself. */
const LASTING: ReadonlySet<ErrorCode> = new Set(["data_loss", "unimplemented"]);

/**
 * Takes a step of a commit. What storage can never make of it stays with the upload, so that it is not tried at every sweep for
 * ever: its caller sees why, and completes or aborts it.
 */
export async function notingFailure<T>(
  access: UploadAccess<"commits">,
  uploadId: string,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof DomainError && LASTING.has(error.code)) {
      const { reason, message } = error;
      // Best effort: what is not noted now the next sweep finds again.
      await withDatabase(access, () => access.uploads.commits.noteFailure(uploadId, { reason, message })).catch(
        () => {},
      );
    }
    throw error;
  }
}
