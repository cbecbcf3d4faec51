import { DomainError } from "../domain/errors.ts";
import type { WriteSession } from "./write-session.ts";

/** Adds the upload's id and durable offset to its error, also where the error is a defect. An offset that the error has already is left as it is. */
export function withResumePoint(error: unknown, session: Pick<WriteSession, "durableOffset" | "started">): DomainError {
  const shown =
    error instanceof DomainError
      ? error
      : new DomainError("internal", "internal error", { reason: "INTERNAL", cause: error });
  const { durable_offset: durableOffset = session.durableOffset } = shown.details;
  return shown.withDetails({ upload_id: session.started.upload.uploadId, durable_offset: durableOffset });
}
