import { DomainError, type ErrorCode } from "../../domain/errors.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/**
 * Storage has other bytes than were durable, or no bytes, or cannot show which bytes it has: such a failure does not pass
 * by itself.
 */
const LASTING: ReadonlySet<ErrorCode> = new Set(["data_loss", "unimplemented"]);

/**
 * Runs a step of a commit. A failure that storage cannot mend is noted with the upload, so that not every sweep tries again
 * for ever: the caller sees the reason, and completes or aborts the upload.
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
      // Best effort: the next sweep meets a failure again that is not noted now.
      await withDatabase(access, () => access.uploads.commits.noteFailure(uploadId, { reason, message })).catch(
        () => {},
      );
    }
    throw error;
  }
}
