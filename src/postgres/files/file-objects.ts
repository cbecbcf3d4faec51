import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { FileObject, FileRepository } from "../../domain/files/file-repository.ts";

const objectRow = z.object({
  namespace: z.string(),
  file_id: z.string(),
  path: z.string(),
  generation: z.int(),
  s3_key: z.string(),
  s3_version_id: z.string(),
  etag: z.string(),
  size_bytes: z.int(),
  crc32: z.int(),
  purge_state: z.enum(["purging", "purged"]).nullable(),
});

const objectColumns = sql.fragment`
  f.namespace, f.file_id, f.path, f.generation, f.s3_key, f.s3_version_id, f.etag, f.size_bytes, f.crc32, f.purge_state`;

/** No key begins with it that the service makes: the last character of all. */
const BEHIND_ALL = "\u{10ffff}";

/** FileRepository.listObjects. The unique index of bucket and key has the order. */
export async function listObjects(
  pool: CommonQueryMethods,
  bucket: string,
  { keyPrefix, after, limit }: Parameters<FileRepository["listObjects"]>[1],
): Promise<FileObject[]> {
  const rows = await pool.any(sql.type(objectRow)`
    SELECT ${objectColumns} FROM file f
    WHERE f.bucket = ${bucket} AND f.s3_key > ${after === "" ? keyPrefix : after} AND f.s3_key < ${keyPrefix + BEHIND_ALL}
    ORDER BY f.s3_key LIMIT ${limit}`);
  return rows.map(toFileObject);
}

/** FileRepository.findObjects */
export async function findObjects(
  pool: CommonQueryMethods,
  bucket: string,
  keys: readonly string[],
): Promise<FileObject[]> {
  const rows = await pool.any(sql.type(objectRow)`
    SELECT ${objectColumns} FROM file f WHERE f.bucket = ${bucket} AND f.s3_key = ANY (${sql.array([...keys], "text")})`);
  return rows.map(toFileObject);
}

function toFileObject(row: z.infer<typeof objectRow>): FileObject {
  const { namespace, path, generation, crc32 } = row;
  return {
    namespace,
    path,
    generation,
    crc32,
    fileId: row.file_id,
    s3Key: row.s3_key,
    s3VersionId: row.s3_version_id,
    s3Etag: row.etag,
    sizeBytes: row.size_bytes,
    purgeState: row.purge_state ?? undefined,
  };
}
