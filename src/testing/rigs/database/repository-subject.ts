import { expect } from "chai";
import type { CommandIdentity } from "../../../domain/command-identity.ts";
import type { Actor } from "../../../domain/deed.ts";
import { DomainError, type ErrorReason } from "../../../domain/errors.ts";
import type { FileRepository } from "../../../domain/files/file-repository.ts";
import type { AssembledObject, ByteRange, DurablePart, Upload } from "../../../domain/uploads/upload.ts";
import type { NewUpload } from "../../../domain/uploads/upload-catalogue.ts";
import type { UploadRepositories } from "../../../domain/uploads/upload-repositories.ts";
import type { GrantedWriter } from "../../../domain/uploads/upload-writers.ts";

/** The repositories under test, upon the same store, which knows the namespaces "default" and "other". */
export interface RepositorySubject {
  uploads: UploadRepositories;
  files: FileRepository;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
/** Life of an upload after the last write. */
export const EXPIRE_AFTER_MS = DAY_MS;
/** How long a superseded or deleted generation can be restored. */
export const RETENTION_MS = 30 * DAY_MS;
/** The actor of what tests do by a repository. */
export const TEST_ACTOR: Actor = { principal: "dev:tester", tokenKind: "dev" };
let ids = 0;

/** A UUID that was not given out before in this run. */
export function nextUuid(): string {
  return `00000000-0000-4000-8000-${(++ids).toString(16).padStart(12, "0")}`;
}

/** A path that no other test uses. */
export function nextPath(): string {
  return `path/${++ids}`;
}

/** A command that was not sent before. */
export function nextIdentity(overrides: Partial<CommandIdentity> = {}): CommandIdentity {
  const contentSha256 = Buffer.alloc(32, 7);
  const named = { namespace: "default", principal: "dev:tester", actor: TEST_ACTOR, method: "CreateUpload" } as const;
  return { ...named, requestId: nextUuid(), contentSha256, ...overrides };
}

/** An upload of unknown size in parts of 8 MiB. */
export function newUpload(overrides: Partial<NewUpload> = {}): NewUpload {
  const uploadId = overrides.uploadId ?? nextUuid();
  return {
    uploadId,
    namespace: "default",
    path: nextPath(),
    principal: "dev:tester",
    sizeBytes: undefined,
    sizeMaxBytes: undefined,
    partSizeBytes: 8 * 1024 * 1024,
    contentType: "application/octet-stream",
    labels: { team: "tax" },
    dataSubject: "subject-1",
    metadata: { author: "Ünal", 'quote"': "\\" },
    expectedCrc32: undefined,
    expectedSha256: undefined,
    computeSha256: false,
    ifGenerationMatch: undefined,
    bucket: "bucket",
    region: "eu-central-1",
    s3Key: `prefix/${uploadId}`,
    expireAfterMs: EXPIRE_AFTER_MS,
    expireCapMs: 6 * DAY_MS,
    uploadToken: undefined,
    ...overrides,
  };
}

/** A durable part whose values follow from its number. */
export function samplePart(partNumber: number, overrides: Partial<DurablePart> = {}): DurablePart {
  const crc32 = 0xffff_ff00 + (partNumber % 256);
  return { partNumber, lengthBytes: 8 * 1024 * 1024, crc32, etag: `etag-${partNumber}`, ...overrides };
}

/** The object that an upload was assembled into. */
export function sampleObject(upload: Pick<Upload, "s3Key">, overrides: Partial<AssembledObject> = {}): AssembledObject {
  const base = { key: `${upload.s3Key}.1`, versionId: "v1", etag: "etag", sizeBytes: 10, crc32: 0xdead_beef };
  return { ...base, sha256: undefined, ...overrides };
}

/** Creates an upload. */
export async function createOpen(
  { uploads }: Pick<RepositorySubject, "uploads">,
  overrides: Partial<NewUpload> = {},
): Promise<Upload> {
  const input = newUpload(overrides);
  return (await uploads.catalogue.create(input, nextIdentity({ namespace: input.namespace }))).upload;
}

/** Creates an upload and begins a writer. */
export async function createWritten(
  subject: Pick<RepositorySubject, "uploads">,
  overrides: Partial<NewUpload> = {},
): Promise<GrantedWriter> {
  const { namespace, uploadId } = await createOpen(subject, overrides);
  return await beginNext(subject, { namespace, uploadId });
}

/** Begins one more writer of an upload. */
export async function beginNext(
  { uploads }: Pick<RepositorySubject, "uploads">,
  { namespace = "default", uploadId, lane }: { namespace?: string; uploadId: string; lane?: ByteRange },
): Promise<GrantedWriter> {
  return await uploads.writers.beginWriter(namespace, uploadId, {
    instance: "test",
    expireAfterMs: EXPIRE_AFTER_MS,
    lane,
  });
}

/** Commits a file of 10 bytes to a path; returns the committed upload. */
export async function commitFile(
  subject: Pick<RepositorySubject, "uploads">,
  path: string,
  overrides: Partial<NewUpload> = {},
  { retentionMs = RETENTION_MS, retainMs }: { retentionMs?: number; retainMs?: number } = {},
): Promise<Upload> {
  const upload = await createOpen(subject, { path, ...overrides });
  const outcome = await subject.uploads.commits.commit(upload.uploadId, {
    fileId: nextUuid(),
    retentionMs,
    retainMs,
    object: sampleObject(upload),
  });
  expect(outcome.kind).to.equal("committed");
  return outcome.upload;
}

/** Expects a DomainError with that reason, and returns it. */
export async function expectRefusal(work: Promise<unknown>, reason: ErrorReason): Promise<DomainError> {
  const error = await work.then(
    () => expect.fail(`nothing was refused; expected ${reason}`),
    (refusal: unknown) => refusal,
  );
  if (!(error instanceof DomainError)) throw error;
  expect(error.reason, error.message).to.equal(reason);
  return error;
}
