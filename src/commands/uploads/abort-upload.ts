import type { Caller } from "../../domain/caller.ts";
import { parseUuid, toCommandIdentity, toDeed } from "../../domain/command-identity.ts";
import { requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { UploadAccess } from "./upload-access.ts";

/**
 * Gives up an open upload, or one whose commit has failed. Aborting twice is no error; any other state is
 * `failed_precondition / UPLOAD_NOT_OPEN`. A request id that stands for another upload is `invalid_argument /
 * REQUEST_ID_REUSED`. The bytes of the upload are removed at once when S3 answers, otherwise by the sweeper.
 */
export async function abortUpload(
  access: UploadAccess<"catalogue" | "sweep">,
  request: { requestId: string; namespace: string; uploadId: string },
  options: { caller: Caller },
): Promise<Upload> {
  const { requestId, namespace } = request;
  parseUuid(requestId, "request_id", "REQUEST_ID_INVALID");
  requireNamespace(access.namespaces, namespace);
  const uploadId = parseUuid(request.uploadId, "upload_id");
  const identity = toCommandIdentity(options.caller, "AbortUpload", { namespace, requestId, content: [uploadId] });
  await access.uploads.catalogue.noteRequest(identity, uploadId);
  const upload = await access.uploads.catalogue.abort(namespace, uploadId, toDeed(identity).actor);
  // Best effort: the row says "aborted", so that the sweeper repeats what fails here.
  await cleanUpload(access, upload).catch(() => {});
  return upload;
}

/**
 * Removes everything that a dead upload left in S3, and notes it. Of a committed upload it removes the PutObject attempts
 * that lost. It deletes every version: a bucket that keeps versions would keep the bytes after a plain deletion. Safe to
 * repeat; rejects `unavailable` when S3 or the database is.
 */
export async function cleanUpload(
  access: Pick<UploadAccess<"sweep">, "objects" | "uploads">,
  upload: Upload,
): Promise<void> {
  const { bucket, s3Key: key, multipartId } = upload;
  const isDead = upload.state !== "committed";
  if (isDead && multipartId !== undefined) await access.objects.abortMultipart({ bucket, key, multipartId });
  // Only a commit that was begun can have assembled an object. An object of an upload whose commit never began must stay:
  // the database may have been restored to a time before that commit.
  if (isDead && upload.crc32 !== undefined) await access.objects.deleteVersions(bucket, key);
  for (let attempt = 1; attempt <= upload.putAttempt; attempt++) {
    const attemptKey = `${key}.${attempt}`;
    if (isDead || upload.object?.key !== attemptKey) await access.objects.deleteVersions(bucket, attemptKey);
  }
  await access.uploads.sweep.markCleaned(upload.uploadId);
}
