import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { toDeed } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import { assertEtag } from "../../domain/files/file-etag.ts";
import type { FileRepository, GenerationPage } from "../../domain/files/file-repository.ts";
import { fileRetained } from "../../domain/files/file-retention.ts";
import {
  fileContended,
  fileExists,
  fileNotFound,
  filePurged,
  generationMismatch,
} from "../../domain/repository-refusals.ts";
import { assertFileRegion } from "../../domain/residency.ts";
import { atBorder, violates } from "../pool/errors.ts";
import type { ReadPool } from "../pool/read-pool.ts";
import { toInterval } from "../pool/sql-values.ts";
import { StatementShapes } from "../pool/statement-shapes.ts";
import {
  type FilePlace,
  fileColumns,
  fileEtag,
  fileIsLive,
  fileIsReleased,
  fileIsRestorable,
  fileLiesIn,
  fileRow,
  toFile,
} from "../rows/file-rows.ts";
import { CHANGED_FILES, enterDeed } from "../rows/journal-rows.ts";
import { listFiles } from "../search/list-files.ts";
import { listFolder } from "../search/list-folder.ts";
import { StatisticsCache } from "../search/table-statistics.ts";
import { CHANGE_ATTEMPTS_MAX, changeFile } from "./change-file.ts";
import { toChangedFileValues } from "./changed-values.ts";
import { listUnsettledHolds, settleHold, toHoldSettled } from "./file-holds.ts";
import { findObjects, listObjects } from "./file-objects.ts";
import { moveFile, restoreGeneration } from "./file-place.ts";
import { beginDuePurges, beginPurge, endPurges } from "./file-purge.ts";
import { findEarlierFile, insertFileRequest } from "./file-requests.ts";
import { listPlaces } from "./list-places.ts";
import { listSuperseded } from "./list-superseded.ts";
import { LiveFiles } from "./live-files.ts";

const keptRow = fileRow.extend({ is_released: z.boolean() });
const foundRow = fileRow.extend({ is_live: z.boolean() });

/**
 * Files in PostgreSQL: `get` and `list` read from a server that has seen the commit position that they name; changes go to
 * the primary.
 */
export function createFileRepository(pools: { commands: DatabasePool; read: ReadPool }): FileRepository {
  const liveFiles = new LiveFiles();
  const searching = { statistics: new StatisticsCache(), shapes: new StatementShapes() };
  const repository: FileRepository = {
    get: (namespace, path, { generation, position } = {}) =>
      pools.read(position, (pool) =>
        generation === undefined
          ? liveFiles.get(pool, { namespace, path })
          : getFile(pool, { namespace, path }, generation),
      ),
    list: (namespace, query) =>
      pools.read(query.position, (pool) => listFiles({ pool, ...searching }, namespace, query)),
    listSuperseded: (namespace, query) => pools.read(query.position, (pool) => listSuperseded(pool, namespace, query)),
    listFolder: (namespace, query) => pools.read(query.position, (pool) => listFolder(pool, namespace, query)),
    listGenerations: (namespace, path, options) =>
      pools.read(options.position, (pool) => listGenerations(pool, { namespace, path }, options)),
    listPlaces: (namespaces, options) => pools.read(options.position, (pool) => listPlaces(pool, namespaces, options)),
    listObjects: (bucket, options) => listObjects(pools.commands, bucket, options),
    findObjects: (bucket, keys) => findObjects(pools.commands, bucket, keys),
    update: (namespace, path, options) => updateFile(pools.commands, { namespace, path }, options),
    settleHold: (file, hasObjectLock) => settleHold(pools.commands, file, hasObjectLock),
    listUnsettledHolds: (namespace, options) => listUnsettledHolds(pools.commands, namespace, options),
    delete: (namespace, path, options) => deleteFile(pools.commands, { namespace, path }, options),
    undelete: (namespace, path, options) => undeleteFile(pools.commands, { namespace, path }, options),
    move: (namespace, path, options) => moveFile(pools.commands, { namespace, path }, options),
    restoreGeneration: (namespace, path, options) => restoreGeneration(pools.commands, { namespace, path }, options),
    beginPurge: (namespace, path, options) => beginPurge(pools.commands, { namespace, path }, options),
    beginDuePurges: (namespace, options) => beginDuePurges(pools.commands, namespace, options),
    endPurges: (namespace, fileIds) => endPurges(pools.commands, namespace, fileIds),
  };
  return atBorder<FileRepository>(repository);
}

/** The statement is prepared: with the many indexes of files, planning it takes longer than finding a file. */
async function getFile(pool: CommonQueryMethods, place: FilePlace, generation: number | undefined): Promise<File> {
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
  place: FilePlace,
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
  commands: DatabasePool,
  place: FilePlace,
  { identity, change: toChange, generation }: Parameters<FileRepository["update"]>[2],
): Promise<File> {
  const which = generation === undefined ? fileIsLive : sql.fragment`f.generation = ${generation}::bigint`;
  const located = sql.fragment`f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${which}`;
  const change = async (pool: CommonQueryMethods) => {
    const file = await getFile(pool, place, generation);
    if (file.purgeState !== undefined) throw filePurged(file.path, file.generation);
    const changed = toChange(file);
    const { contentType, metadata, labels, dataSubject, legalHold, retainUntilTime } = changed;
    const row = await pool.maybeOne(sql.type(fileRow)`
      WITH target AS (
        SELECT f.file_id FROM file f
        -- Whatever else changes a row counts it: it is live, or not, as it was read.
        WHERE f.namespace = ${place.namespace} AND f.file_id = ${file.fileId} AND f.metageneration = ${file.metageneration}::bigint
        FOR NO KEY UPDATE
      ), requested AS (${insertFileRequest(identity)} FROM target ON CONFLICT DO NOTHING RETURNING subject_id
      ), changed AS (
        UPDATE file f SET content_type = ${contentType}, metadata = ${JSON.stringify(metadata)}::jsonb,
          labels = ${JSON.stringify(labels)}::jsonb, data_subject = ${dataSubject}, update_time = now(),
          hold_settled = ${toHoldSettled(legalHold)}, legal_hold = ${legalHold}, retain_until_time = ${retainUntilTime?.toISOString() ?? null}::timestamptz,
          metageneration = f.metageneration + 1
        FROM requested r WHERE f.namespace = ${place.namespace} AND f.file_id = r.subject_id
        RETURNING ${fileColumns}
      ), ${enterDeed(toDeed(identity), { ...CHANGED_FILES, ...toChangedFileValues(file, changed) })}
      SELECT * FROM changed`);
    return row === null ? undefined : toFile(row);
  };
  return await changeFile(commands, place.path, { identity, located, change });
}

async function deleteFile(
  pool: CommonQueryMethods,
  place: FilePlace,
  options: Parameters<FileRepository["delete"]>[2],
): Promise<File> {
  const { identity, ifGenerationMatch, etag = "" } = options;
  for (let attempt = 1; attempt <= CHANGE_ATTEMPTS_MAX; attempt++) {
    const row = await pool.maybeOne(sql.type(fileRow)`
      WITH target AS (
        SELECT f.file_id, f.generation, ${fileEtag} AS file_etag FROM file f
        WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${fileIsLive} AND ${fileIsReleased}
        FOR NO KEY UPDATE
      ), requested AS (${insertFileRequest(identity)}
        FROM target WHERE (${ifGenerationMatch ?? null}::bigint IS NULL OR generation = ${ifGenerationMatch ?? null}::bigint)
          AND (${etag} = '' OR file_etag = ${etag})
        ON CONFLICT DO NOTHING RETURNING subject_id
      ), changed AS (
        UPDATE file f SET delete_time = now(), update_time = now(), metageneration = f.metageneration + 1,
          purge_time = now() + ${toInterval(options.retentionMs)}
        FROM requested r WHERE f.namespace = ${place.namespace} AND f.file_id = r.subject_id
        RETURNING ${fileColumns}
      ), ${enterDeed(toDeed(identity), CHANGED_FILES)}
      SELECT * FROM changed`);
    if (row !== null) return toFile(row);
    const earlier = await findEarlierFile(pool, identity);
    if (earlier !== undefined) return earlier;
    const kept = await pool.maybeOne(sql.type(keptRow)`
      SELECT ${fileColumns}, ${fileIsReleased} AS is_released FROM file f
      WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${fileIsLive}`);
    if (kept === null) throw fileNotFound(place.path);
    if (ifGenerationMatch !== undefined && ifGenerationMatch !== kept.generation) {
      throw generationMismatch(place.path, ifGenerationMatch, kept.generation);
    }
    assertEtag(toFile(kept), etag);
    if (!kept.is_released) throw fileRetained(toFile(kept));
  }
  throw fileContended(place.path, CHANGE_ATTEMPTS_MAX);
}

async function undeleteFile(
  pool: CommonQueryMethods,
  place: FilePlace,
  options: Parameters<FileRepository["undelete"]>[2],
): Promise<File> {
  const { identity, generation, etag = "", allowedRegions } = options;
  const restorable = sql.fragment`
    f.namespace = ${place.namespace} AND f.path = ${place.path} AND f.delete_time IS NOT NULL AND ${fileIsRestorable}
    AND (${generation ?? null}::bigint IS NULL OR f.generation = ${generation ?? null}::bigint)`;
  const statement = sql.type(fileRow)`
    WITH target AS (
      SELECT f.file_id, ${fileEtag} AS file_etag, ${fileLiesIn(allowedRegions)} AS is_allowed FROM file f
      WHERE ${restorable} AND NOT EXISTS (
        SELECT FROM file f WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND ${fileIsLive}
      )
      ORDER BY f.delete_time DESC, f.generation DESC LIMIT 1 FOR NO KEY UPDATE
    ), requested AS (${insertFileRequest(identity)}
      FROM target WHERE (${etag} = '' OR file_etag = ${etag}) AND is_allowed ON CONFLICT DO NOTHING RETURNING subject_id
    ), changed AS (
      UPDATE file f SET delete_time = NULL, purge_time = NULL, update_time = now(),
        metageneration = f.metageneration + 1
      FROM requested r WHERE f.namespace = ${place.namespace} AND f.file_id = r.subject_id
      RETURNING ${fileColumns}
    ), ${enterDeed(toDeed(identity), CHANGED_FILES)}
    SELECT * FROM changed`;
  for (let attempt = 1; attempt <= CHANGE_ATTEMPTS_MAX; attempt++) {
    const row = await pool.maybeOne(statement).catch((error) => {
      if (violates(error, "file_live_path")) throw fileExists(place.path);
      throw error;
    });
    if (row !== null) return toFile(row);
    const earlier = await findEarlierFile(pool, identity);
    if (earlier !== undefined) return earlier;
    // One look at both, because a file may be deleted or restored between two.
    const found = await pool.maybeOne(sql.type(foundRow)`
      SELECT ${fileColumns}, ${fileIsLive} AS is_live FROM file f
      WHERE f.namespace = ${place.namespace} AND f.path = ${place.path} AND (${fileIsLive} OR (${restorable}))
      ORDER BY ${fileIsLive} DESC, f.delete_time DESC, f.generation DESC LIMIT 1`);
    if (found === null) {
      const isPurged = generation !== undefined && (await getFile(pool, place, generation)).purgeState !== undefined;
      throw isPurged ? filePurged(place.path, generation) : fileNotFound(place.path, generation);
    }
    if (found.is_live) throw fileExists(place.path);
    assertEtag(toFile(found), etag);
    assertFileRegion(toFile(found), allowedRegions);
  }
  throw fileContended(place.path, CHANGE_ATTEMPTS_MAX);
}
