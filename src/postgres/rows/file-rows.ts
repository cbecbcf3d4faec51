import { sql } from "slonik";
import { z } from "zod";
import type { File } from "../../domain/files/file.ts";

/**
 * A jsonb of names and texts that only this service writes: checking each text again would take half the time of checking a
 * row.
 */
const textMap = z.custom<Record<string, string>>((value) => typeof value === "object" && value !== null);

/** Where a file is. */
export interface FilePlace {
  namespace: string;
  path: string;
}

/** A row of `file`, as `fileColumns` selects it. */
export const fileRow = z.object({
  file_id: z.string(),
  namespace: z.string(),
  path: z.string(),
  generation: z.int(),
  size_bytes: z.int(),
  crc32: z.int(),
  sha256: z.instanceof(Uint8Array).nullable(),
  content_type: z.string(),
  metadata: textMap,
  labels: textMap,
  data_subject: z.string(),
  bucket: z.string(),
  region: z.string(),
  s3_key: z.string(),
  s3_version_id: z.string(),
  etag: z.string(),
  metageneration: z.int(),
  create_time: z.date(),
  update_time: z.date(),
  supersede_time: z.date().nullable(),
  delete_time: z.date().nullable(),
  purge_time: z.date().nullable(),
  legal_hold: z.boolean(),
  hold_settled: z.boolean().nullable(),
  retain_until_time: z.date().nullable(),
  purge_state: z.enum(["purging", "purged"]).nullable(),
});

/** The columns of `file f` that make a `fileRow`. */
export const fileColumns = sql.fragment`
  f.file_id, f.namespace, f.path, f.generation, f.size_bytes, f.crc32, f.sha256, f.content_type, f.metadata,
  f.labels, f.data_subject, f.bucket, f.region, f.s3_key, f.s3_version_id, f.etag, f.metageneration, f.create_time,
  f.update_time, f.supersede_time, f.delete_time, f.purge_time, f.legal_hold, f.hold_settled, f.retain_until_time, f.purge_state`;

/** `toFileEtag` of `file f`. */
export const fileEtag = sql.fragment`(f.file_id::text || '.' || f.metageneration)`;

/**
 * The condition that `file f` is the live file of its path, neither superseded nor deleted; the index file_live_path has
 * it, too.
 */
export const fileIsLive = sql.fragment`(f.supersede_time IS NULL AND f.delete_time IS NULL)`;

/** The condition that nothing keeps the bytes of `file f`, by the database's clock. */
export const fileIsReleased = sql.fragment`(NOT f.legal_hold AND coalesce(f.retain_until_time <= now(), true))`;

/**
 * The condition that `file f`, a deleted or superseded one, can be restored: until its purge time, and as long as it is
 * retained.
 */
export const fileIsRestorable = sql.fragment`
  (f.purge_state IS NULL AND (f.purge_time > now() OR NOT ${fileIsReleased}))`;

/** The condition that the bytes of `file f` may be given out, as in `requireReadable`. */
export const fileIsReadable = sql.fragment`(f.delete_time IS NULL AND f.purge_state IS NULL)`;

/** The condition that `file f` lies in one of these regions; undefined for any. */
export function fileLiesIn(regions: readonly string[] | undefined) {
  return regions === undefined
    ? sql.fragment`true`
    : sql.fragment`(f.region = ANY(${sql.array([...regions], "text")}))`;
}

/** The domain's file. */
export function toFile(row: z.infer<typeof fileRow>): File {
  return {
    fileId: row.file_id,
    namespace: row.namespace,
    path: row.path,
    generation: row.generation,
    sizeBytes: row.size_bytes,
    crc32: row.crc32,
    sha256: row.sha256 ?? undefined,
    contentType: row.content_type,
    metadata: row.metadata,
    labels: row.labels,
    dataSubject: row.data_subject,
    bucket: row.bucket,
    region: row.region,
    s3Key: row.s3_key,
    s3VersionId: row.s3_version_id,
    s3Etag: row.etag,
    metageneration: row.metageneration,
    createTime: row.create_time,
    updateTime: row.update_time,
    // A tombstone of a deleted file has one, too, which keeps it out of the lists.
    supersedeTime: row.delete_time === null ? (row.supersede_time ?? undefined) : undefined,
    deleteTime: row.delete_time ?? undefined,
    purgeTime: row.purge_time ?? undefined,
    legalHold: row.legal_hold,
    holdSettled: row.hold_settled ?? undefined,
    retainUntilTime: row.retain_until_time ?? undefined,
    purgeState: row.purge_state ?? undefined,
  };
}
