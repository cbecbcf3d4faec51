import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import type { CommandIdentity } from "../domain/command-identity.ts";
import type { File } from "../domain/file.ts";
import type { FilePage, FileRepository } from "../domain/file-repository.ts";
import { fileExists, fileNotFound, generationMismatch } from "../domain/repository-refusals.ts";
import { readLiveGeneration } from "./create-upload.ts";
import { atBorder, type BorderLimits, violates } from "./errors.ts";
import { fileColumns, fileIsLive, fileRow, toFile } from "./file-rows.ts";
import type { ReadPool } from "./read-pool.ts";
import { findEarlierSubject } from "./request-rows.ts";
import { toBytea, toInterval } from "./sql-values.ts";

/** A statement that lost a race is tried again this often: each time somebody else has changed the path in between. */
const ATTEMPTS_MAX = 5;

/** Files in PostgreSQL: `get` and `list` read where the position that they name has been seen; changes go to the primary. */
export function createFileRepository(
  pools: { commands: DatabasePool; read: ReadPool },
  limits: Partial<BorderLimits> = {},
): FileRepository {
  const repository: FileRepository = {
    get: (namespace, path, { generation, position } = {}) =>
      pools.read(position, (pool) => getFile(pool, { namespace, path }, generation)),
    list: (namespace, options) => pools.read(options.position, (pool) => listFiles(pool, namespace, options)),
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

async function getFile(pool: CommonQueryMethods, place: Place, generation: number | undefined): Promise<File> {
  const which = generation === undefined ? fileIsLive : sql.fragment`f.generation = ${generation}`;
  const row = await pool.maybeOne(sql.type(fileRow)`
    SELECT ${fileColumns} FROM file f
    WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${which}`);
  if (row === null) throw fileNotFound(place.path, generation);
  return toFile(row);
}

async function listFiles(
  pool: CommonQueryMethods,
  namespace: string,
  options: Parameters<FileRepository["list"]>[1],
): Promise<FilePage> {
  const { prefix, limit, after, showDeleted } = options;
  const end = toPrefixEnd(prefix);
  const conditions = [
    sql.fragment`f.namespace = ${namespace}`,
    sql.fragment`f.path >= ${prefix}`,
    end !== undefined && sql.fragment`f.path < ${end}`,
    // The path alone as well: a comparison of rows is no bound for an index that lacks the generation.
    after !== undefined && sql.fragment`f.path >= ${after.path}`,
    after !== undefined && sql.fragment`(f.path, f.generation) > (${after.path}, ${after.generation}::bigint)`,
    showDeleted ? sql.fragment`f.supersede_time IS NULL AND ${isListedDeleted}` : fileIsLive,
  ];
  const rows = await pool.any(sql.type(fileRow)`
    SELECT ${fileColumns} FROM file f WHERE ${sql.and(conditions)}
    ORDER BY f.path, f.generation LIMIT ${limit + 1}`);
  const files = rows.slice(0, limit).map(toFile);
  const last = files.at(-1);
  const isLast = rows.length <= limit || last === undefined;
  return { files, next: isLast ? undefined : { path: last.path, generation: last.generation } };
}

/** Live, or deleted and still restorable. */
const isListedDeleted = sql.fragment`(f.delete_time IS NULL OR f.purge_time > now())`;

/**
 * The first text, by bytes, after all that begin with `prefix`; undefined when there is none. The order of UTF-8 bytes
 * is the order of code points, so the last code point that can be raised is raised. No LIKE: a path may hold % and _.
 */
export function toPrefixEnd(prefix: string): string | undefined {
  const codePoints = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = codePoints.pop(); last !== undefined; last = codePoints.pop()) {
    if (last === 0x10ffff) continue;
    // Surrogates are no characters: U+D7FF is followed by U+E000.
    return String.fromCodePoint(...codePoints, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
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
