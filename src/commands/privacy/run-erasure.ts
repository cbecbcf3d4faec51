import { DomainError } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import type { ErasedKind, Erasure, ErasureRepository } from "../../domain/privacy/erasure.ts";
import type { UploadRepositories } from "../../domain/uploads/upload-repositories.ts";
import { removeBytes } from "../files/purge-file.ts";
import { cleanUpload } from "../uploads/abort-upload.ts";
import { writeNote } from "./erasure-notes.ts";

/** Files or uploads of one step, whose deletions go to S3 at once. */
const RESOURCES_MAX = 50;
/** Entries of one step; `journal_erase` takes no more. */
const ENTRIES_MAX = 1000;

/** What people are erased with. */
export interface ErasureAccess {
  erasures: ErasureRepository;
  files: Pick<FileRepository, "endPurges">;
  uploads: Pick<UploadRepositories, "catalogue" | "sweep">;
  objects: ObjectStore;
}

/**
 * Goes on with an erasure, and ends it when nothing is left: first uploads, then files with their links, then entries of the journal, which
 * thereby lose what the steps before have entered. Every step first notes in S3 what it is about, by ids, and may be repeated: whatever dies
 * in between, another run finds what is left. It stops after a step once `signal` is aborted. An upload whose commit is under way is left to
 * a later run, and the erasure runs on until then. Rejects when the database or storage is away.
 */
export async function runErasure(
  access: ErasureAccess,
  begun: Erasure,
  { namespace, signal }: { namespace: Pick<Namespace, "bucket" | "keyPrefix">; signal: AbortSignal },
): Promise<Erasure> {
  const { erasures, objects } = access;
  for (const kind of ["upload", "file"] as const) {
    for (let after: string | undefined; begun.dataSubject !== "" && after !== ""; ) {
      after = await erasures.discover(begun, kind, after ?? "");
    }
  }
  const note = (kind: ErasedKind | "entry", ids: string[], times: string[] = []) =>
    writeNote(objects, namespace, { erasureId: begun.erasureId, namespace: begun.namespace, kind, ids, times });
  const left = new Set<string>();
  for (const kind of ["file", "upload"] as const) {
    while (!signal.aborted) {
      const found = await erasures.listFound(begun, kind, RESOURCES_MAX + left.size);
      const ids = found.filter((id) => !left.has(id)).slice(0, RESOURCES_MAX);
      if (ids.length === 0) break;
      if (kind === "upload") {
        await note(kind, ids);
        for (const id of await eraseUploads(access, begun, ids)) left.add(id);
        continue;
      }
      const files = await erasures.beginFiles(begun, ids);
      // What a hold keeps has no note: a database that was restored from before the hold must not lose it.
      if (files.length > 0)
        await note(
          kind,
          files.map(({ fileId }) => fileId),
        );
      await eraseFiles(access, begun, { fileIds: ids, files });
    }
  }
  while (!signal.aborted) {
    const entries = await erasures.listEntries(begun, ENTRIES_MAX);
    if (entries.length === 0) break;
    await note(
      "entry",
      entries.map(([, id]) => id),
      entries.map(([time]) => time),
    );
    await erasures.redact(begun, entries);
  }
  const now = await erasures.get(begun.namespace, begun.erasureId);
  return signal.aborted ? now : await erasures.end(now);
}

/** Removes the bytes of files, and then what rows say of them. */
async function eraseFiles(
  { erasures, files, objects }: ErasureAccess,
  erasure: Erasure,
  begun: { fileIds: readonly string[]; files: readonly File[] },
): Promise<void> {
  const marked = begun.files.filter(({ purgeState }) => purgeState === "purging");
  const isRemoved = await Promise.all(marked.map((file) => removeUnlessHeld(objects, file)));
  const held = marked.filter((_, index) => !isRemoved[index]).map(({ fileId }) => fileId);
  await erasures.holdFiles(erasure, held);
  await files.endPurges(
    erasure.namespace,
    marked.filter((_, index) => isRemoved[index]).map(({ fileId }) => fileId),
  );
  await erasures.endFiles(erasure, begun.fileIds);
}

/** False when storage answers, but does not delete the bytes: Object Lock keeps them there. */
async function removeUnlessHeld(objects: ObjectStore, file: File): Promise<boolean> {
  try {
    await removeBytes(objects, file);
    return true;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const head = await objects.head(file.bucket, file.s3Key, { versionId: file.s3VersionId });
    if (head === undefined) throw error;
    return false;
  }
}

/** Aborts what is open, and forgets what has ended; resolves to the ids of those whose commit is under way. */
async function eraseUploads(access: ErasureAccess, erasure: Erasure, uploadIds: readonly string[]): Promise<string[]> {
  const { erasures, uploads } = access;
  const underWay: string[] = [];
  for (const uploadId of uploadIds) {
    try {
      const upload = await uploads.catalogue.abort(erasure.namespace, uploadId, erasure.actor);
      // Best effort: the row says "aborted", so that the sweeper repeats what fails here.
      await cleanUpload(access, upload).catch(() => {});
    } catch (error) {
      const state =
        error instanceof DomainError && error.reason === "UPLOAD_NOT_OPEN" ? error.details.state : undefined;
      if (!(error instanceof DomainError) || error.code === "unavailable") throw error;
      if (state === "completing" || state === "assembled") underWay.push(uploadId);
    }
  }
  await erasures.endUploads(erasure, uploadIds);
  return underWay;
}
