import {
  type CommitDeclaration,
  commitUpload,
  commitWritten,
  compareDeclared,
  takeUp,
} from "../commands/uploads/complete-upload.ts";
import { assertDeclared } from "../commands/uploads/declared-content.ts";
import { type UploadAccess, withDatabase } from "../commands/uploads/upload-access.ts";
import type { WrittenBytes } from "../commands/uploads/written-bytes.ts";
import type { File } from "../domain/files/file.ts";
import { toDurableState } from "../domain/uploads/durable-state.ts";
import { type ByteRange, combineParts } from "../domain/uploads/upload.ts";
import type { GrantedWriter } from "../domain/uploads/upload-writers.ts";

/** What the finish of a stream says. All that it declares is of the whole file, but for `laneCrc32`. */
export interface WriteFinish extends CommitDeclaration {
  /** CRC32 of the lane's bytes; of the file's, where the stream has no lane. */
  laneCrc32?: number | undefined;
  /** Whether to commit, as soon as all of the file is durable. */
  commit: boolean;
}

/** How a finish ended. */
export type WriteOutcome =
  | { kind: "committed"; file: File }
  /** The finish wanted no commit: the size is sealed, for CompleteUpload. */
  | { kind: "sealed" }
  /** The lane is durable, and the finish wanted no commit, or other bytes of the file are missing. `ranges`: all durable bytes. */
  | { kind: "lane-done"; lane: ByteRange; crc32: number; ranges: ByteRange[] };

/**
 * Ends a stream whose bytes are all durable. Of several lanes, the one that finds the whole file durable commits it. Each lane
 * looks for that after it has recorded its own parts, so the last one finds it; where two find it, one file is committed.
 * Errors as of `completeUpload`, and `aborted / WRITER_FENCED`.
 */
export async function finishWritten(
  access: UploadAccess<"catalogue" | "commits">,
  granted: GrantedWriter,
  { written, finish }: { written: WrittenBytes; finish: WriteFinish },
): Promise<WriteOutcome> {
  const { upload, epoch, range } = granted;
  assertDeclared(written, { crc32: finish.laneCrc32 });
  if (range.end !== undefined && written.put === undefined)
    return await finishLane(access, granted, { written, finish });
  const file = await commitWritten(access, upload, { written, declared: finish, commit: finish.commit, epoch });
  if (file !== undefined) return { kind: "committed", file };
  if (range.end === undefined) return { kind: "sealed" };
  const lane = { offset: 0, sizeBytes: written.sizeBytes };
  return { kind: "lane-done", lane, crc32: written.crc32, ranges: [lane] };
}

async function finishLane(
  access: UploadAccess<"catalogue" | "commits">,
  { upload, epoch, range }: GrantedWriter,
  { written, finish }: { written: WrittenBytes; finish: WriteFinish },
): Promise<WriteOutcome> {
  const { uploadId, namespace } = upload;
  const sizeBytes = upload.sizeBytes as number;
  const now = await withDatabase(access, () => access.uploads.catalogue.get(namespace, uploadId));
  const durable = toDurableState(now.upload, now.parts);
  const isCovered = now.upload.state !== "open" || durable.offset === sizeBytes;
  if (isCovered && !finish.commit) assertDeclared({ sizeBytes, crc32: combineParts(now.parts) }, finish);
  const commit = async () => {
    if (isCovered && finish.commit) {
      return await commitUpload(access, now.upload, { parts: now.parts, declared: finish, epoch });
    }
    // The lane that commits compares the SHA-256.
    const { sha256: expectedSha256 } = finish;
    if (expectedSha256 !== undefined) {
      await withDatabase(access, () => access.uploads.commits.seal(uploadId, sizeBytes, { epoch, expectedSha256 }));
    }
    return undefined;
  };
  const file = await takeUp(access, now.upload, { declared: finish, epoch, commit });
  if (file !== undefined) return { kind: "committed", file };
  const lane = { offset: range.start, sizeBytes: written.sizeBytes };
  return { kind: "lane-done", lane, crc32: written.crc32, ranges: durable.ranges };
}

/** Ends a stream of an upload that was no longer `open` when it began: its bytes were all durable already. */
export async function finishUnwritten(
  access: UploadAccess<"catalogue" | "commits">,
  { upload, parts, range }: GrantedWriter,
  finish: WriteFinish,
): Promise<WriteOutcome> {
  const durable = toDurableState(upload, parts, range);
  assertDeclared({ sizeBytes: durable.sizeBytes, crc32: durable.crc32 }, { crc32: finish.laneCrc32 });
  if (finish.commit) {
    const commit = () => commitUpload(access, upload, { parts, declared: finish });
    return { kind: "committed", file: await takeUp(access, upload, { declared: finish, epoch: undefined, commit }) };
  }
  await compareDeclared(access, upload, { parts, declared: finish });
  if (range.end === undefined) return { kind: "sealed" };
  const lane = { offset: range.start, sizeBytes: range.end - range.start };
  return { kind: "lane-done", lane, crc32: durable.crc32, ranges: durable.ranges };
}
