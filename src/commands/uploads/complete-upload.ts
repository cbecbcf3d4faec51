import { v7 as uuidv7 } from "uuid";
import { toPrecondition } from "../../domain/access/upload-token.ts";
import type { Caller } from "../../domain/caller.ts";
import { parseUuid, toCommandIdentity, toDeed } from "../../domain/command-identity.ts";
import { DomainError } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { requireNamespace } from "../../domain/namespaces/namespace.ts";
import {
  type AssembledObject,
  combineParts,
  type DurablePart,
  totalBytes,
  type Upload,
} from "../../domain/uploads/upload.ts";
import type { CommitTerms } from "../../domain/uploads/upload-commits.ts";
import { type ListedPart, readForCommit } from "./adopt-parts.ts";
import { assembleUpload } from "./assemble-upload.ts";
import { assertMayCommit } from "./assert-may-commit.ts";
import { assertSha256 } from "./create-upload.ts";
import { assertDeclared, assertSameSha256, type DeclaredContent } from "./declared-content.ts";
import { assertCovered, toManifest } from "./manifest.ts";
import { assertSha256OfObject } from "./read-sha256.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";
import type { PutAck, WrittenBytes } from "./written-bytes.ts";

/** What the caller of a commit declares of the file and of what must be at its path, and who that caller is. */
export interface CommitDeclaration extends DeclaredContent, CommitTerms {}

/** A request to commit an upload whose bytes are durable. */
export interface CompleteUploadRequest extends Omit<CommitDeclaration, "committer"> {
  requestId: string;
  namespace: string;
  uploadId: string;
  /** Parts as the caller knows them; each is compared with the part that storage has, only to be sure. */
  parts?: readonly ListedPart[];
}

/**
 * Commits an upload, whatever its state: it goes on with a commit that an earlier call, or a process that died, has begun.
 * Completing twice returns the same file. Errors: `invalid_argument / REQUEST_ID_REUSED`, `failed_precondition /
 * UPLOAD_INCOMPLETE`, `UPLOAD_NOT_OPEN`, `RESIDENCY_VIOLATION` and `GENERATION_MISMATCH` (the upload stays assembled: call again with another
 * precondition), `aborted / CHECKSUM_MISMATCH`, `unavailable` (also while S3 may still be assembling: the upload stays
 * completing; call again).
 */
export async function completeUpload(
  access: UploadAccess<"catalogue" | "writers" | "commits">,
  request: CompleteUploadRequest,
  options: { caller: Caller },
): Promise<File> {
  const { requestId, namespace, sizeBytes, crc32, sha256, parts: listed } = request;
  const ifGenerationMatch = toPrecondition(options.caller, request.ifGenerationMatch);
  parseUuid(requestId, "request_id", "REQUEST_ID_INVALID");
  requireNamespace(access.namespaces, namespace);
  assertSha256(sha256);
  const uploadId = parseUuid(request.uploadId, "upload_id");
  const content = [uploadId, sizeBytes, crc32, sha256, ifGenerationMatch, listed ?? []];
  const identity = toCommandIdentity(options.caller, "CompleteUpload", { namespace, requestId, content });
  await withDatabase(access, () => access.uploads.catalogue.noteRequest(identity, uploadId));
  const { upload, parts } = await readForCommit(access, { namespace, uploadId, listed });
  const declared = { ...request, ifGenerationMatch, committer: toDeed(identity).actor };
  return await takeUp(access, upload, {
    declared,
    epoch: undefined,
    commit: () => commitUpload(access, upload, { parts, declared }),
  });
}

/** Commits of one upload that another call may overtake, before this one gives up. */
const OVERTAKEN_MAX = 3;

/** Runs a step of a commit. When another call has moved the same upload on meanwhile, it commits from the new state. */
export async function takeUp<T>(
  access: UploadAccess<"catalogue" | "commits">,
  upload: Upload,
  options: { declared: CommitDeclaration; epoch: number | undefined; commit: () => Promise<T> },
): Promise<T | File> {
  const { declared, epoch } = options;
  let commit: () => Promise<T | File> = options.commit;
  for (let overtaken = 0; ; overtaken++) {
    try {
      return await commit();
    } catch (error) {
      if (overtaken >= OVERTAKEN_MAX || !isOvertaken(error)) throw error;
      const now = await withDatabase(access, () => access.uploads.catalogue.get(upload.namespace, upload.uploadId));
      commit = () => commitUpload(access, now.upload, { parts: now.parts, declared, epoch });
    }
  }
}

/** Whether a step of a commit was refused because another call has moved the same upload on. */
export function isOvertaken(error: unknown): boolean {
  if (!(error instanceof DomainError) || error.reason !== "UPLOAD_NOT_OPEN") return false;
  return ["completing", "assembled", "committed"].includes(String(error.details.state));
}

/**
 * Drives an upload from its state to `committed`, one compare-and-set after the other; each step can be repeated, so any
 * replica can go on where another stopped. `epoch` is given when a writer finishes: the commit is refused once a newer
 * writer has begun.
 */
export async function commitUpload(
  access: UploadAccess<"commits">,
  upload: Upload,
  options: { parts: readonly DurablePart[]; declared: CommitDeclaration; epoch?: number | undefined },
): Promise<File> {
  assertMayCommit(access, upload);
  const { declared, parts, epoch } = options;
  if (upload.failure !== undefined && upload.state !== "aborted") {
    // The commit is tried again, and the upload must not be aborted meanwhile; if this process dies, the sweeper goes on.
    await noteWanted(access, upload, declared);
    return await commitUpload(access, { ...upload, failure: undefined }, options);
  }
  switch (upload.state) {
    case "committed":
      assertDeclared(upload.object, declared);
      if (upload.object?.sha256 !== undefined) assertSameSha256(upload.object.sha256, declared.sha256);
      return upload.file as File;
    case "open": {
      const manifest = toManifest(upload, parts);
      const sizeBytes = upload.sizeBytes ?? declared.sizeBytes ?? totalBytes(manifest);
      const actual = { sizeBytes, crc32: combineParts(manifest) };
      assertDeclared(actual, { sizeBytes: declared.sizeBytes });
      assertCovered(manifest, { sizeBytes, partSizeBytes: upload.partSizeBytes });
      if (sizeBytes === 0) throw toIncomplete("no bytes were sent; finish the stream to make an empty file");
      assertDeclared(actual, { crc32: upload.expectedCrc32 });
      assertDeclared(actual, declared);
      const completing = await freeze(access, upload, { sizeBytes, parts: manifest, declared, epoch });
      return await commitUpload(access, completing, options);
    }
    case "completing":
      return await commitUpload(access, await assembleUpload(access, upload, { parts, epoch }), options);
    case "assembled": {
      const object = upload.object as AssembledObject;
      assertDeclared(object, { crc32: upload.expectedCrc32 });
      assertDeclared(object, declared);
      await assertSha256Wanted(access, upload, declared);
      return await commit(access, upload, { declared, epoch });
    }
    case "aborted":
    case "expired":
      throw new DomainError("failed_precondition", `the upload was ${upload.state}; begin a new one`, {
        reason: "UPLOAD_NOT_OPEN",
        details: { state: upload.state },
      });
  }
}

/** How a writer finishes. */
interface Finish {
  written: WrittenBytes;
  declared: CommitDeclaration;
  commit: boolean;
  /** Number of the writer. */
  epoch: number;
}

/**
 * Commits an upload that a writer has just finished: the usual way, without reading anything back that the writer knows.
 * Resolves to undefined when `commit` is false: the size is sealed, or the one-part object noted, for CompleteUpload.
 * `aborted / WRITER_FENCED`, with nothing of this writer committed, once a newer writer than `epoch` has begun.
 */
export async function commitWritten(
  access: UploadAccess<"catalogue" | "commits">,
  upload: Upload,
  options: Finish,
): Promise<File | undefined> {
  const { written, declared, epoch } = options;
  const { put } = written;
  assertMayCommit(access, upload);
  if (put !== undefined) {
    const commit = () => commitPut(access, upload, { ...options, put });
    const file = await takeUp(access, upload, { declared, epoch, commit });
    // Another call may have committed the file, before or meanwhile: the file must hold these bytes.
    if (file !== undefined) assertDeclared(file, put);
    return file;
  }
  assertWritten(upload, written, declared);
  const { sizeBytes, parts, sha256 } = written;
  if (!options.commit) {
    await withDatabase(access, () =>
      access.uploads.commits.seal(upload.uploadId, sizeBytes, { epoch, expectedSha256: declared.sha256 }),
    );
    return undefined;
  }
  const commit = async () => {
    const completing = await freeze(access, upload, { sizeBytes, parts, declared, epoch });
    const assembled = await assembleUpload(access, completing, { parts, epoch });
    return await commitAssembled(access, assembled, { sha256, declared, epoch });
  };
  return await takeUp(access, upload, { declared, epoch, commit });
}

/** Commits a one-part file. The sweeper removes an object that no commit takes: the row counts the attempts. */
async function commitPut(
  access: UploadAccess<"commits">,
  upload: Upload,
  options: Finish & { put: PutAck },
): Promise<File | undefined> {
  const { put, written, declared, epoch } = options;
  const { sha256 } = written;
  const object = { ...put, sha256 };
  const isShaWanted = upload.computeSha256 || (declared.sha256 ?? upload.expectedSha256) !== undefined;
  assertWritten(upload, written, declared);
  if (options.commit && (sha256 !== undefined || !isShaWanted)) {
    return await commit(access, upload, { declared, object, epoch });
  }
  const wish = { isCommitWanted: options.commit, ...toTerms(declared) };
  const assembled = await withDatabase(access, () =>
    access.uploads.commits.assemble(upload.uploadId, object, { ...wish, epoch, expectedSha256: declared.sha256 }),
  );
  return options.commit ? await commitAssembled(access, assembled, { sha256: undefined, declared, epoch }) : undefined;
}

/**
 * Compares the declaration of a finish without a commit with an upload whose bytes are all durable, `completing` or
 * `assembled`: no row would keep the declaration for later. Errors are those of `completeUpload`.
 */
export async function compareDeclared(
  access: UploadAccess<"commits">,
  upload: Upload,
  { parts, declared }: { parts: readonly DurablePart[]; declared: DeclaredContent },
): Promise<void> {
  assertDeclared({ sizeBytes: upload.sizeBytes as number, crc32: upload.crc32 as number }, declared);
  if (declared.sha256 === undefined) return;
  const isAssembled = upload.state !== "completing";
  const assembled = isAssembled ? upload : await assembleUpload(access, upload, { parts, epoch: undefined });
  await assertSha256OfObject(access, assembled, declared);
}

function assertWritten(upload: Upload, written: WrittenBytes, declared: CommitDeclaration): void {
  assertDeclared(written, { crc32: upload.expectedCrc32 });
  assertDeclared(written, declared);
  if (written.sha256 !== undefined) assertSameSha256(written.sha256, declared.sha256 ?? upload.expectedSha256);
}

async function commitAssembled(
  access: UploadAccess<"commits">,
  upload: Upload,
  options: { sha256: Uint8Array | undefined; declared: CommitDeclaration; epoch: number },
): Promise<File> {
  const { sha256, declared, epoch } = options;
  if (sha256 !== undefined) await withDatabase(access, () => access.uploads.commits.setSha256(upload.uploadId, sha256));
  else await assertSha256Wanted(access, upload, declared);
  return await commit(access, upload, { declared, epoch });
}

/** Compares the SHA-256 for a commit; if this process dies while it reads, the sweeper goes on with the same declaration. */
async function assertSha256Wanted(
  access: UploadAccess<"commits">,
  upload: Upload,
  declared: CommitDeclaration,
): Promise<void> {
  const onReading = () => noteWanted(access, upload, declared);
  await assertSha256OfObject(access, upload, { sha256: declared.sha256, onReading });
}

async function noteWanted(
  access: UploadAccess<"commits">,
  { uploadId }: Upload,
  declared: CommitDeclaration,
): Promise<void> {
  const wish = { isWanted: true, ...toTerms(declared), expectedSha256: declared.sha256 };
  await withDatabase(access, () => access.uploads.commits.noteCommit(uploadId, wish));
}

/** open -> completing: from here on the size and the manifest are fixed. */
async function freeze(
  access: UploadAccess<"commits">,
  upload: Upload,
  options: {
    sizeBytes: number;
    parts: readonly DurablePart[];
    declared: CommitDeclaration;
    epoch: number | undefined;
  },
): Promise<Upload> {
  const { sizeBytes, parts, declared, epoch } = options;
  const { uploadId } = upload;
  if (upload.sizeBytes === undefined) {
    await withDatabase(access, () => access.uploads.commits.seal(uploadId, sizeBytes, { epoch }));
  }
  const frozen = { crc32: combineParts(parts), epoch, ...toTerms(declared), expectedSha256: declared.sha256 };
  return await withDatabase(access, () => access.uploads.commits.beginCompletion(uploadId, frozen));
}

function toTerms({ ifGenerationMatch, committer }: CommitDeclaration): CommitTerms {
  return { ifGenerationMatch, committer };
}

async function commit(
  access: UploadAccess<"commits">,
  upload: Upload,
  options: { declared: CommitDeclaration; object?: AssembledObject | undefined; epoch: number | undefined },
): Promise<File> {
  const namespace = requireNamespace(access.namespaces, upload.namespace);
  const { declared, object, epoch } = options;
  const outcome = await withDatabase(access, () =>
    access.uploads.commits.commit(upload.uploadId, {
      fileId: uuidv7(),
      retentionMs: namespace.retentionMs,
      retainMs: namespace.retainDefaultMs > 0 ? namespace.retainDefaultMs : undefined,
      object,
      epoch,
      ...toTerms(declared),
    }),
  );
  if (outcome.kind === "committed") return outcome.upload.file as File;
  if (outcome.kind === "over-quota") throw outcome.refusal;
  const wanted = declared.ifGenerationMatch ?? upload.ifGenerationMatch ?? 0;
  const message = `the path's generation is ${outcome.currentGeneration}; the precondition wants ${wanted}. The bytes are kept: complete the upload again with another precondition`;
  throw new DomainError("failed_precondition", message, {
    reason: "GENERATION_MISMATCH",
    field: "if_generation_match",
    details: { current_generation: outcome.currentGeneration, if_generation_match: wanted },
  });
}

function toIncomplete(message: string): DomainError {
  return new DomainError("failed_precondition", message, { reason: "UPLOAD_INCOMPLETE" });
}
