import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import type { CommandIdentity } from "../domain/command-identity.ts";
import type { File } from "../domain/file.ts";
import type { FileRepository, GenerationPage } from "../domain/file-repository.ts";
import { fileExists, fileNotFound, generationMismatch } from "../domain/repository-refusals.ts";
import { readLiveGeneration } from "./create-upload.ts";
import { atBorder, type BorderLimits, violates } from "./errors.ts";
import { fileColumns, fileIsLive, fileRow, toFile } from "./file-rows.ts";
import { listFiles } from "./list-files.ts";
import { listFolder } from "./list-folder.ts";
import { findEarlierSubject } from "./request-rows.ts";
import { toBytea, toInterval } from "./sql-values.ts";

/** A statement that lost a race is tried again this often: each time somebody else has changed the path in between. */
const ATTEMPTS_MAX = 5;

/** Files in PostgreSQL: `get` and `list` ask the query pool, which may be a read replica; changes go to the other. */
export function createFileRepository(
  pools: { commands: DatabasePool; queries: DatabasePool },
  limits: Partial<BorderLimits> = {},
): FileRepository {
  const repository: FileRepository = {
    get: (namespace, path, options) => getFile(pools.queries, { namespace, path }, options?.generation),
    list: (namespace, query) => listFiles(pools.queries, namespace, query),
    listFolder: (namespace, query) => listFolder(pools.queries, namespace, query),
    listGenerations: (namespace, path, options) => listGenerations(pools.queries, { namespace, path }, options),
    update: (namespace, path, options) => updateFile(pools.commands, { namespace, path }, options),
    delete: (namespace, path, options) => deleteFile(pools.commands, { namespace, path }, options),
    undelete: (namespace, path, options) => undeleteFile(pools.commands, { namespace, path }, options),
  };
  return atBorder<FileRepository>(repository, limits);
}

interface Place {
  namespace: string;
  path: string;
}

/** Prepared: with the many indexes of files, planning takes longer than finding one. */
async function getFile(pool: CommonQueryMethods, place: Place, generation: number | undefined): Promise<File> {
  const row =
    generation === undefined
      ? await pool.maybeOne(sql.prepared("get_file", fileRow)`
          SELECT ${fileColumns} FROM file f
          WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${fileIsLive}`)
      : await pool.maybeOne(sql.prepared("get_file_generation", fileRow)`
          SELECT ${fileColumns} FROM file f
          WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND f.generation = ${generation}::bigint`);
  if (row === null) throw fileNotFound(place.path, generation);
  return toFile(row);
}

async function listGenerations(
  pool: CommonQueryMethods,
  place: Place,
  { limit, before }: Parameters<FileRepository["listGenerations"]>[2],
): Promise<GenerationPage> {
  const older = before === undefined ? sql.fragment`true` : sql.fragment`f.generation < ${before}::bigint`;
  const rows = await pool.any(sql.type(fileRow)`
    SELECT ${fileColumns} FROM file f
    WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${older}
    ORDER BY f.generation DESC LIMIT ${limit + 1}`);
  return { files: rows.slice(0, limit).map(toFile), hasMore: rows.length > limit };
}

async function updateFile(
  pool: CommonQueryMethods,
  place: Place,
  { identity, change }: Parameters<FileRepository["update"]>[2],
): Promise<File> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const earlier = await findEarlierFile(pool, identity);
    if (earlier !== undefined) return earlier;
    const file = await getFile(pool, place, undefined);
    const { contentType, metadata, labels, dataSubject } = change(file);
    const row = await pool.maybeOne(sql.type(fileRow)`
      WITH target AS (
        SELECT f.file_id FROM file f
        WHERE f.file_id = ${file.fileId} AND f.metageneration = ${file.metageneration}::bigint AND ${fileIsLive}
        FOR NO KEY UPDATE
      ), requested AS (${insertRequest(identity)} FROM target ON CONFLICT DO NOTHING RETURNING subject_id)
      UPDATE file f SET content_type = ${contentType}, metadata = ${JSON.stringify(metadata)}::jsonb,
        labels = ${JSON.stringify(labels)}::jsonb, data_subject = ${dataSubject}, update_time = now(),
        metageneration = f.metageneration + 1
      FROM requested r WHERE f.file_id = r.subject_id
      RETURNING ${fileColumns}`);
    if (row !== null) return toFile(row);
  }
  throw new Error(`a file could not be changed in ${ATTEMPTS_MAX} attempts: others change it all the time`);
}

async function deleteFile(
  pool: CommonQueryMethods,
  place: Place,
  options: { identity: CommandIdentity; retentionMs: number; ifGenerationMatch?: number },
): Promise<File> {
  const { identity, ifGenerationMatch } = options;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const row = await pool.maybeOne(sql.type(fileRow)`
      WITH target AS (
        SELECT f.file_id, f.generation FROM file f
        WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${fileIsLive}
        FOR NO KEY UPDATE
      ), requested AS (${insertRequest(identity)}
        FROM target WHERE ${ifGenerationMatch ?? null}::bigint IS NULL OR generation = ${ifGenerationMatch ?? null}::bigint
        ON CONFLICT DO NOTHING RETURNING subject_id
      )
      UPDATE file f SET delete_time = now(), update_time = now(), metageneration = f.metageneration + 1,
        purge_time = now() + ${toInterval(options.retentionMs)}
      FROM requested r WHERE f.file_id = r.subject_id
      RETURNING ${fileColumns}`);
    if (row !== null) return toFile(row);
    const earlier = await findEarlierFile(pool, identity);
    if (earlier !== undefined) return earlier;
    const current = await readLiveGeneration(pool, place);
    if (current === 0) throw fileNotFound(place.path);
    if (ifGenerationMatch !== undefined && ifGenerationMatch !== current) {
      throw generationMismatch(place.path, ifGenerationMatch, current);
    }
  }
  throw new Error(`a file could not be deleted in ${ATTEMPTS_MAX} attempts: its path changes all the time`);
}

async function undeleteFile(
  pool: CommonQueryMethods,
  place: Place,
  options: { identity: CommandIdentity; generation?: number },
): Promise<File> {
  const { identity, generation } = options;
  const statement = sql.type(fileRow)`
    WITH target AS (
      SELECT f.file_id FROM file f
      WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND f.delete_time IS NOT NULL
        AND f.purge_time > now() AND (${generation ?? null}::bigint IS NULL OR f.generation = ${generation ?? null}::bigint)
        AND NOT EXISTS (
          SELECT FROM file f WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${fileIsLive}
        )
      ORDER BY f.delete_time DESC, f.generation DESC LIMIT 1
      FOR NO KEY UPDATE
    ), requested AS (${insertRequest(identity)} FROM target ON CONFLICT DO NOTHING RETURNING subject_id)
    UPDATE file f SET delete_time = NULL, purge_time = NULL, update_time = now(),
      metageneration = f.metageneration + 1
    FROM requested r WHERE f.file_id = r.subject_id
    RETURNING ${fileColumns}`;
  const row = await pool.maybeOne(statement).catch((error) => {
    if (violates(error, "file_live_path")) throw fileExists(place.path);
    throw error;
  });
  if (row !== null) return toFile(row);
  const earlier = await findEarlierFile(pool, identity);
  if (earlier !== undefined) return earlier;
  throw (await readLiveGeneration(pool, place)) === 0 ? fileNotFound(place.path, generation) : fileExists(place.path);
}

/** The head of a statement that notes the command for the file of a CTE; the caller adds FROM. */
function insertRequest(identity: CommandIdentity) {
  return sql.fragment`
    INSERT INTO request (principal, method, request_id, content_sha256, subject_id)
    SELECT ${identity.principal}, ${identity.method}, ${identity.requestId}::uuid, ${toBytea(identity.contentSha256)}, file_id`;
}

/** The file that the same command changed before, as it stands now. */
async function findEarlierFile(pool: CommonQueryMethods, identity: CommandIdentity): Promise<File | undefined> {
  const fileId = await findEarlierSubject(pool, identity);
  if (fileId === undefined) return undefined;
  return toFile(await pool.one(sql.type(fileRow)`SELECT ${fileColumns} FROM file f WHERE f.file_id = ${fileId}`));
}
