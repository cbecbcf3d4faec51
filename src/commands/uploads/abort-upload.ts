import type { Caller } from "../../domain/caller.ts";
import { parseUuid, toCommandIdentity } from "../../domain/command-identity.ts";
import { requireNamespace } from "../../domain/namespace.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { UploadAccess } from "./upload-access.ts";

/**
 * Gives an open upload up, or one whose commit has failed. Aborting twice is no error; any other state is `failed_precondition / UPLOAD_NOT_OPEN`; a request
 * id that stood for another upload is `invalid_argument / REQUEST_ID_REUSED`.
 * What it stored is freed at once where S3 answers, else by the sweeper.
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
  const identity = toCommandIdentity(options.caller, "AbortUpload", { requestId, content: [namespace, uploadId] });
  await access.uploads.catalogue.noteRequest(identity, { namespace, uploadId });
  const upload = await access.uploads.catalogue.abort(namespace, uploadId);
  // Best effort: the row says "aborted", so that the sweeper repeats what fails here.
  await cleanUpload(access, upload).catch(() => {});
  return upload;
}

/**
 * Removes what a dead upload left in S3, and notes that. For a committed upload: the PutObject attempts that lost. Every
 * version goes: where the bucket keeps them a plain deletion would keep the bytes.
 * Safe to repeat; rejects `unavailable` when S3 or the database is.
 */
export async function cleanUpload(
  access: Pick<UploadAccess<"sweep">, "objects" | "uploads">,
  upload: Upload,
): Promise<void> {
  const { bucket, s3Key: key, multipartId } = upload;
  const isDead = upload.state !== "committed";
  if (isDead && multipartId !== undefined) await access.objects.abortMultipart({ bucket, key, multipartId });
  // Only a commit that was begun can have assembled an object. That of an upload which never came so far is not ours to
  // delete: the database may have been restored to before its commit.
  if (isDead && upload.crc32 !== undefined) await access.objects.deleteVersions(bucket, key);
  for (let attempt = 1; attempt <= upload.putAttempt; attempt++) {
    const attemptKey = `${key}.${attempt}`;
    if (isDead || upload.object?.key !== attemptKey) await access.objects.deleteVersions(bucket, attemptKey);
  }
  await access.uploads.sweep.markCleaned(upload.uploadId);
}
