import { adoptAtStart } from "../commands/uploads/adopt-parts.ts";
import { type CreateAccess, type CreateUploadRequest, createUpload } from "../commands/uploads/create-upload.ts";
import { withDatabase } from "../commands/uploads/upload-access.ts";
import { parseUuid } from "../domain/command-identity.ts";
import { toActor } from "../domain/deed.ts";
import { DomainError } from "../domain/errors.ts";
import { requireResident } from "../domain/residency.ts";
import type { ByteRange, Upload } from "../domain/uploads/upload.ts";
import { type GrantedWriter, toFirstWriter } from "../domain/uploads/upload-writers.ts";
import { type BeginOptions, type SessionAccess, WriteSession } from "./write-session.ts";

/** What the caller asks for: which upload its stream writes to, and which range of it. Without a lane it is the whole file. */
export type WriteRequest = ({ create: CreateUploadRequest } | { namespace: string; uploadId: string }) & {
  lane?: ByteRange | undefined;
};

/** What streams of WriteUpload work with, from their beginning. */
export interface WriteAccess extends CreateAccess, SessionAccess {}

/** Begins to write, for a transport that carries the bytes. */
export type BeginWrite = (request: WriteRequest, options: BeginOptions) => Promise<WriteSession>;

/** Begins to write: creates or finds the upload, and makes this stream its newest writer. */
export async function beginWriteUpload(
  access: WriteAccess,
  request: WriteRequest,
  options: BeginOptions,
): Promise<WriteSession> {
  // The slot comes first: a caller that gets none must not have fenced the writer before.
  const slot = await access.sessions.admit(options.caller.principal);
  try {
    const begun = await beginWriter(access, request, options);
    const namespace = requireResident(access, begun.upload.namespace);
    assertWritable(begun.upload);
    const granted = await adoptAtStart(access, begun);
    access.sessions.assertAdmitting();
    const fileSizeMaxBytes = Math.min(
      namespace.fileSizeMaxBytes,
      begun.upload.sizeMaxBytes ?? Number.POSITIVE_INFINITY,
    );
    const requestId = "create" in request ? request.create.requestId : undefined;
    const committer = { ...toActor(options.caller), requestId };
    const session = new WriteSession(access, granted, { ...options, committer, fileSizeMaxBytes, slot });
    slot.session = session;
    return session;
  } catch (error) {
    access.sessions.release(slot);
    throw error;
  }
}

/** The stream that creates an upload, and writes all of it, is its first writer by that: one statement in place of two or three. */
async function beginWriter(access: WriteAccess, request: WriteRequest, options: BeginOptions): Promise<GrantedWriter> {
  const { instance, limits } = access;
  const { lane } = request;
  let target: { namespace: string; uploadId: string };
  if ("create" in request) {
    const firstWriter = lane === undefined ? { instance } : undefined;
    const { upload, created } = await createUpload(access, request.create, { caller: options.caller, firstWriter });
    if (created && firstWriter !== undefined) return toFirstWriter(upload);
    target = upload;
  } else target = { namespace: request.namespace, uploadId: parseUuid(request.uploadId, "start.upload.upload_id") };
  requireResident(access, target.namespace);
  const { expireAfterMs } = limits;
  return await withDatabase(access, () =>
    access.uploads.writers.beginWriter(target.namespace, target.uploadId, { instance, expireAfterMs, lane }),
  );
}

function assertWritable(upload: Upload): void {
  if (upload.state !== "aborted" && upload.state !== "expired") return;
  throw new DomainError("failed_precondition", `the upload was ${upload.state}; begin a new one`, {
    reason: "UPLOAD_NOT_OPEN",
    details: { state: upload.state },
  });
}
