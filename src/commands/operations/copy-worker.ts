import { toActor } from "../../domain/deed.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import { type CopyFileRequest, type CopyLimits, parseCopyRequest, stepCopy } from "../files/copy-file.ts";
import { cleanUpload } from "../uploads/abort-upload.ts";
import type { UploadAccess } from "../uploads/upload-access.ts";
import type { AdmitStep, OperationWorker } from "./operation-worker.ts";

/** What copies that go on after their call work with. */
export interface CopyWorkAccess extends UploadAccess<"catalogue" | "writers" | "commits" | "sweep"> {
  files: Pick<FileRepository, "get">;
  admit: AdmitStep;
}

/**
 * Copies a file within storage, some parts a step. The upload that a copy is has the id of the operation for its request, so a step that
 * was cut goes on from the parts that are durable, and one that is repeated after the commit returns the same file.
 */
export function createCopyWorker(access: CopyWorkAccess, limits: CopyLimits): OperationWorker<"copy"> {
  return {
    async step({ caller, ...operation }, { signal }) {
      const request = toRequest(operation);
      await access.admit("copyFile", request, { caller });
      signal.throwIfAborted();
      const step = await stepCopy(access, request, { caller, limits });
      if (step.file === undefined) return { progress: step, cursor: COPYING };
      const { fileId, path, generation, sizeBytes } = step.file;
      return { progress: { copiedBytes: sizeBytes, sizeBytes }, response: { fileId, path, generation } };
    },
    async abandon({ caller, ...operation }) {
      const { identity } = parseCopyRequest(toRequest(operation), caller);
      const upload = await access.uploads.catalogue.findCreated(identity);
      if (upload === undefined || upload.state !== "open") return;
      const aborted = await access.uploads.catalogue.abort(operation.namespace, upload.uploadId, toActor(caller));
      // Best effort: the row says "aborted", so that the sweeper repeats what fails here.
      await cleanUpload(access, aborted).catch(() => {});
    },
  };
}

/** The cursor of a copy says only that it has begun: its parts say where it goes on. */
const COPYING = "copying";

function toRequest({
  operationId,
  namespace,
  request,
}: Pick<Operation<"copy">, "operationId" | "namespace" | "request">) {
  return { updateMask: undefined, ...request, requestId: operationId, namespace } satisfies CopyFileRequest;
}
