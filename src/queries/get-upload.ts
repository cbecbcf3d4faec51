import type { Caller } from "../domain/caller.ts";
import { parseUuid } from "../domain/command-identity.ts";
import { type Namespaces, requireNamespace } from "../domain/namespaces/namespace.ts";
import type { DurablePart, Upload } from "../domain/uploads/upload.ts";

/** An upload and how far it is. */
export interface UploadProgress {
  upload: Upload;
  /** Durable parts, ascending by number. */
  parts: DurablePart[];
  /** Bytes that the writers had received when they last noted it. */
  receivedBytes: number;
}

/**
 * The state and progress of an upload. Errors: `not_found / UPLOAD_NOT_FOUND` or `NAMESPACE_NOT_FOUND`,
 * `invalid_argument / ARGUMENT_INVALID` when upload_id is no UUID.
 */
export async function getUpload(
  deps: { uploads: { get(namespace: string, uploadId: string): Promise<UploadProgress> }; namespaces: Namespaces },
  request: { namespace: string; uploadId: string },
  _options: { caller: Caller; signal?: AbortSignal },
): Promise<UploadProgress> {
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  return await deps.uploads.get(namespace.name, parseUuid(request.uploadId, "upload_id"));
}
