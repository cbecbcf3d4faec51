import { v7 as uuidv7 } from "uuid";
import type { Caller } from "../../domain/caller.ts";
import { toCommandIdentity, toDeed } from "../../domain/command-identity.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { type FileDescription, parseFileDescription } from "../../domain/files/file-description.ts";
import { assertEtag, parseEtag } from "../../domain/files/file-etag.ts";
import { parseFilePath, parseNewFilePath } from "../../domain/files/file-path.ts";
import type { FileChange, FileRepository } from "../../domain/files/file-repository.ts";
import { RETENTION_FIELDS } from "../../domain/files/file-retention.ts";
import { parseGeneration, parseLiveGeneration } from "../../domain/files/generation.ts";
import { requireReadable } from "../../domain/files/readable-file.ts";
import { type BackoffPolicy, withBackoff } from "../../domain/limits/backoff.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import { generationMismatch } from "../../domain/repository-refusals.ts";
import { requireResident } from "../../domain/residency.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import {
  type CommitDeclaration,
  commitUpload,
  commitWritten,
  isOvertaken,
  takeUp,
} from "../uploads/complete-upload.ts";
import { toObjectKey } from "../uploads/create-upload.ts";
import { type UploadAccess, withDatabase } from "../uploads/upload-access.ts";
import { copyBytes } from "./copy-bytes.ts";
import { listGiven, parseFieldChanges } from "./field-changes.ts";

/** Bounds of copies. */
export interface CopyLimits {
  /** Largest file that is copied by one request, in bytes; S3 takes at most 5 GiB. */
  objectMaxBytes: number;
  /** Size of the parts of larger ones, in bytes, or as much more as fits S3's number of parts. */
  partSizeBytes: number;
  /** Parts of one file that are copied at once. */
  partsInFlightMax: number;
  /** Parts that one step copies. */
  partsPerStepMax: number;
  /** How often, and how long, a call looks for the copy that a newer one with its request id makes. */
  otherCall: BackoffPolicy;
}

const MIB = 2 ** 20;
/** S3's own. */
const PARTS_MAX = 10_000;

/** Those of the service. */
export const COPY_LIMITS: CopyLimits = {
  // S3 copies up to 5 GiB by one request, and says little meanwhile: parts are faster, and one that fails costs less.
  objectMaxBytes: 1024 * MIB,
  partSizeBytes: 512 * MIB,
  partsInFlightMax: 8,
  // A call copies all of them.
  partsPerStepMax: PARTS_MAX,
  // A minute, which most callers and proxies wait for; who is told to ask again gets the answer then.
  otherCall: { triesMax: 1000, baseDelayMs: 50, delayMaxMs: 2000, timeMaxMs: 60_000, random: Math.random },
};

/** Which file, where to, what is to be otherwise there, and what must be at both paths. */
export interface CopyFileRequest {
  requestId: string;
  namespace: string;
  path: string;
  /** The live one when undefined. */
  generation?: number;
  targetPath: string;
  /** Of the source; empty for any. */
  etag: string;
  /** Of the live file at the target; 0: none may be there. */
  ifTargetGenerationMatch?: number;
  /** What the mask names of it replaces what the source has. */
  values: FileChange;
  updateMask: readonly string[] | undefined;
}

/** What copying works with. */
type CopyAccess = UploadAccess<"catalogue" | "writers" | "commits">;

/** Copies a file, and resolves to the copy. Errors as of `createFileCopier`. */
export type FileCopier = (request: CopyFileRequest, options: { caller: Caller }) => Promise<File>;

/**
 * Copies files within storage. A copy is an upload whose bytes come from there: its row is made before them, its parts are
 * claimed and recorded, it is committed as any other, and what a crash leaves of it is swept. So a copy goes on when its
 * caller goes away, and one that was cut goes on, from its durable parts, when the call is repeated with its request id.
 * Of several calls with one request id at a time the newest copies, and all are answered with its file.
 * Size, CRC32 and SHA-256 are the source's, and the copy's CRC32 is compared with them; holds and retention are not copied.
 * Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / FILE_PURGED`, `RESIDENCY_VIOLATION`, `ETAG_MISMATCH` and `GENERATION_MISMATCH` (of the
 * target, or of a source that another file has replaced since the copy was begun), `aborted / CHECKSUM_MISMATCH`,
 * `unavailable` (`CONTENDED`: a newer call still copies; ask again).
 */
export function createFileCopier(
  access: CopyAccess & { files: Pick<FileRepository, "get"> },
  limits: CopyLimits,
): FileCopier {
  return async (request, { caller }) => {
    const step = await stepCopy(access, request, { caller, limits });
    if (step.file === undefined) throw new Error("a copy has more parts than storage takes");
    return step.file;
  };
}

/** What one step of a copy has come to: the copy, or how far it is. */
export type CopyStep = { file: File } | { file?: undefined; copiedBytes: number; sizeBytes: number };

/** The same in steps of `partsPerStepMax` parts: each call with the same request goes on, until one has made the copy. */
export async function stepCopy(
  access: CopyAccess & { files: Pick<FileRepository, "get"> },
  request: CopyFileRequest,
  { caller, limits }: { caller: Caller; limits: CopyLimits },
): Promise<CopyStep> {
  const namespace = requireResident(access, request.namespace);
  const { path, targetPath, etag, describe, identity } = parseCopyRequest(request, caller);
  const { generation, ifTargetGenerationMatch } = request;
  const declared = { committer: toDeed(identity).actor };
  // This comes before the source is read: a repeated call gets its answer whatever has become of the source.
  const earlier = await withDatabase(access, () => access.uploads.catalogue.findCreated(identity));
  if (earlier !== undefined && earlier.state !== "open") return { file: await finish(access, earlier, declared) };
  const source = requireReadable(
    await access.files.get(namespace.name, path, generation === undefined ? {} : { generation }),
  );
  access.regions.assertResident(namespace, source);
  if (earlier !== undefined) return await copyInto(access, earlier, { source, limits, declared });
  assertEtag(source, etag);
  const upload = toNewUpload(namespace, source, { description: describe(source), targetPath, limits, caller });
  const created = await access.uploads.catalogue.create(
    {
      ...upload,
      ifGenerationMatch: ifTargetGenerationMatch,
      sizeMaxBytes: undefined,
      uploadToken: undefined,
      copiedPath: path,
      expireAfterMs: access.limits.expireAfterMs,
      expireCapMs: access.limits.expireCapMs,
    },
    identity,
  );
  return await copyInto(access, created.upload, { source, limits, declared });
}

/** What a request asks for, and the identity of its command. `invalid_argument` as of `createFileCopier`. */
export function parseCopyRequest(request: CopyFileRequest, caller: Caller) {
  const { namespace, requestId, values, updateMask, generation, ifTargetGenerationMatch } = request;
  const etag = parseEtag(request.etag);
  const path = parseFilePath(request.path);
  const targetPath = parseNewFilePath(request.targetPath, "target_path");
  if (generation !== undefined) parseGeneration(generation);
  if (ifTargetGenerationMatch !== undefined) {
    parseLiveGeneration(ifTargetGenerationMatch, "if_target_generation_match");
  }
  const describe = parseDescriptionChanges(values, updateMask);
  const conditions = [etag, ifTargetGenerationMatch ?? null];
  const content = [path, generation ?? null, targetPath, ...conditions, values, updateMask ?? null];
  const identity = toCommandIdentity(caller, "CopyFile", { namespace, requestId, content });
  return { path, targetPath, etag, describe, identity };
}

/** Returns how the copy's description follows from that of the source. */
function parseDescriptionChanges(
  values: FileChange,
  mask: readonly string[] | undefined,
): (source: File) => FileDescription {
  if (mask === undefined && listGiven(values).length === 0) return (source) => source;
  const changes = parseFieldChanges(values, mask);
  const kept = changes.names.find((name) => Object.hasOwn(RETENTION_FIELDS, name));
  if (kept !== undefined) {
    throw invalidArgument("update_mask", `${kept} cannot be given to a copy; set it by UpdateFile once it is there`);
  }
  return (source) => parseFileDescription(changes.apply(source));
}

function toNewUpload(
  namespace: Namespace,
  source: File,
  options: { description: FileDescription; targetPath: string; limits: CopyLimits; caller: Caller },
) {
  const { description, targetPath, limits, caller } = options;
  const { contentType, metadata, labels, dataSubject } = description;
  const { sizeBytes } = source;
  const uploadId = uuidv7();
  return {
    uploadId,
    namespace: namespace.name,
    path: targetPath,
    principal: caller.principal,
    sizeBytes,
    contentType,
    metadata,
    labels,
    dataSubject,
    expectedCrc32: source.crc32,
    partSizeBytes: choosePartSize(sizeBytes, limits),
    expectedSha256: undefined,
    computeSha256: false,
    bucket: namespace.bucket,
    region: namespace.region,
    s3Key: toObjectKey(namespace, uploadId),
  };
}

/** The part size of a file that is copied whole is the largest one, so that the file is one part. */
function choosePartSize(sizeBytes: number, { objectMaxBytes, partSizeBytes }: CopyLimits): number {
  if (sizeBytes <= objectMaxBytes) return objectMaxBytes;
  return partSizeBytes * PARTS_MAX >= sizeBytes ? partSizeBytes : Math.ceil(sizeBytes / PARTS_MAX / MIB) * MIB;
}

interface CopyOptions {
  source: File;
  limits: CopyLimits;
  /** Who copies. */
  declared: CommitDeclaration;
}

/**
 * Copies the missing bytes into an open upload, and commits it. When a newer call does the same, the answer is the copy of
 * that call.
 */
async function copyInto(access: CopyAccess, upload: Upload, options: CopyOptions): Promise<CopyStep> {
  try {
    return await copyAsWriter(access, upload, options);
  } catch (error) {
    if (!isTakenOver(error)) throw error;
    return { file: await awaitOther(access, upload, options) };
  }
}

/** Whether a newer call has begun to write, or has moved the upload on already. */
function isTakenOver(error: unknown): boolean {
  return isOvertaken(error) || (error instanceof DomainError && error.reason === "WRITER_FENCED");
}

async function awaitOther(access: CopyAccess, { namespace, uploadId, path }: Upload, options: CopyOptions) {
  const check = async () => {
    const { upload } = await withDatabase(access, () => access.uploads.catalogue.get(namespace, uploadId));
    if (upload.state === "open") throw stillCopied(path);
    return await finish(access, upload, options.declared);
  };
  const isRetryable = (error: unknown) => error instanceof DomainError && error.reason === "CONTENDED";
  return await withBackoff(options.limits.otherCall, check, { isRetryable });
}

async function copyAsWriter(
  access: CopyAccess,
  upload: Upload,
  { source, limits, declared }: CopyOptions,
): Promise<CopyStep> {
  const { namespace, uploadId, sizeBytes, expectedCrc32 } = upload;
  if (source.sizeBytes !== sizeBytes || source.crc32 !== expectedCrc32) throw sourceReplaced(source);
  const { instance } = access;
  const begin = { instance, expireAfterMs: access.limits.expireAfterMs };
  const start = await withDatabase(access, () => access.uploads.writers.beginWriter(namespace, uploadId, begin));
  if (start.epoch === 0) return { file: await finish(access, start.upload, declared) };
  const written = await copyBytes(access, start, { source, ...limits });
  if (written.parts.length > 0 && written.sizeBytes < source.sizeBytes)
    return { copiedBytes: written.sizeBytes, sizeBytes: source.sizeBytes };
  const options = { written, declared, commit: true, epoch: start.epoch };
  const file = await explainTarget(upload, () => commitWritten(access, start.upload, options));
  if (file === undefined) throw new Error(`the copy ${uploadId} was committed without a file`);
  return { file };
}

/** Commits a copy whose bytes are there, whoever copied them. */
async function finish(access: CopyAccess, { namespace, uploadId }: Upload, declared: CommitDeclaration): Promise<File> {
  const { upload, parts } = await withDatabase(access, () => access.uploads.catalogue.get(namespace, uploadId));
  const commit = () => commitUpload(access, upload, { parts, declared });
  return await explainTarget(upload, () => takeUp(access, upload, { declared, epoch: undefined, commit }));
}

/** Nobody else can complete the upload of a copy: its caller knows of the target only. */
async function explainTarget<T>(upload: Upload, commit: () => Promise<T>): Promise<T> {
  try {
    return await commit();
  } catch (error) {
    if (!(error instanceof DomainError) || error.reason !== "GENERATION_MISMATCH") throw error;
    throw generationMismatch(upload.path, upload.ifGenerationMatch ?? 0, Number(error.details.current_generation));
  }
}

function sourceReplaced({ path, generation }: File): DomainError {
  const message = `another file, generation ${generation}, has come to ${JSON.stringify(path)} since this copy was begun; copy it with a fresh request_id`;
  return new DomainError("failed_precondition", message, {
    reason: "GENERATION_MISMATCH",
    details: { path, current_generation: generation },
  });
}

function stillCopied(path: string): DomainError {
  const message = `another call with this request_id still makes the copy at ${JSON.stringify(path)}; repeat the call for its answer`;
  return new DomainError("unavailable", message, { reason: "CONTENDED", details: { path }, retryAfterMs: 1000 });
}
