import { DomainError } from "../domain/errors.ts";
import type { WriteSession } from "./write-upload.ts";

/** The error of an upload with its id and durable offset, a defect too. What the error itself says of them counts more. */
export function withResumePoint(error: unknown, session: Pick<WriteSession, "durableOffset" | "started">): DomainError {
  const shown =
    error instanceof DomainError
      ? error
      : new DomainError("internal", "internal error", { reason: "INTERNAL", cause: error });
  const { durable_offset: durableOffset = session.durableOffset } = shown.details;
  return shown.withDetails({ upload_id: session.started.upload.uploadId, durable_offset: durableOffset });
}
