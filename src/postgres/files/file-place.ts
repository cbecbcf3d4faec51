import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { toDeed } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import { assertEtag } from "../../domain/files/file-etag.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import {
  fileContended,
  fileLive,
  fileNotFound,
  filePurged,
  generationMismatch,
} from "../../domain/repository-refusals.ts";
import { assertFileRegion } from "../../domain/residency.ts";
import { violates } from "../pool/errors.ts";
import { toInterval } from "../pool/sql-values.ts";
import {
  type FilePlace,
  fileColumns,
  fileEtag,
  fileIsLive,
  fileIsRestorable,
  fileLiesIn,
  fileRow,
  toFile,
} from "../rows/file-rows.ts";
import { CHANGED_FILES, type EnteredRows, enterDeed } from "../rows/journal-rows.ts";
import { readLiveGeneration } from "../uploads/create-upload.ts";
import { CHANGE_ATTEMPTS_MAX } from "./change-file.ts";
import { findEarlierFile, insertFileRequest } from "./file-requests.ts";

/** FileRepository.move */
export async function moveFile(
  pool: DatabasePool,
  { namespace, path }: FilePlace,
  options: Parameters<FileRepository["move"]>[2],
): Promise<File> {
  const { targetPath, ifGenerationMatch = null, etag = "", ifTargetGenerationMatch } = options;
  const source = sql.fragment`
    f.path = ${path} AND ${fileIsLive} AND (${ifGenerationMatch}::bigint IS NULL OR f.generation = ${ifGenerationMatch}::bigint)
    AND (${etag} = '' OR ${fileEtag} = ${etag})`;
  return await retry(pool, options.identity, {
    path,
    place: () => placeLocked(pool, { ...options, namespace, source, sourcePath: path, ifTargetGenerationMatch }),
    explain: async () => {
      const row = await pool.maybeOne(sql.type(fileRow)`
        SELECT ${fileColumns} FROM file f WHERE f.namespace = ${namespace} AND f.path = ${path} AND ${fileIsLive}`);
      if (row === null) throw fileNotFound(path);
      if (ifGenerationMatch !== null && ifGenerationMatch !== row.generation) {
        throw generationMismatch(path, ifGenerationMatch, row.generation);
      }
      assertEtag(toFile(row), etag);
      await assertTarget(pool, { namespace, path: targetPath }, ifTargetGenerationMatch);
    },
  });
}

const namedRow = fileRow.extend({ is_restorable: z.boolean() });

/** FileRepository.restoreGeneration */
export async function restoreGeneration(
  pool: DatabasePool,
  { namespace, path }: FilePlace,
  options: Parameters<FileRepository["restoreGeneration"]>[2],
): Promise<File> {
  const { generation, ifGenerationMatch: ifTargetGenerationMatch } = options;
  const named = sql.fragment`f.path = ${path} AND f.generation = ${generation}::bigint`;
  const source = sql.fragment`
    ${named} AND NOT ${fileIsLive} AND ${fileIsRestorable} AND ${fileLiesIn(options.allowedRegions)}`;
  const where = { namespace, source, sourcePath: path, targetPath: path };
  return await retry(pool, options.identity, {
    path,
    place: () => placeLocked(pool, { ...options, ...where, ifTargetGenerationMatch }),
    explain: async () => {
      // One look, because the generation may be deleted or undeleted between two.
      const row = await pool.maybeOne(sql.type(namedRow)`
        SELECT ${fileColumns}, ${fileIsRestorable} IS TRUE AS is_restorable FROM file f WHERE f.namespace = ${namespace} AND ${named}`);
      if (row === null) throw fileNotFound(path, generation);
      if (row.supersede_time === null && row.delete_time === null) {
        throw fileLive(path, generation, { remedy: "it is the current one already" });
      }
      if (!row.is_restorable) throw filePurged(path, generation);
      assertFileRegion(toFile(row), options.allowedRegions);
      await assertTarget(pool, { namespace, path }, ifTargetGenerationMatch);
    },
  });
}

async function assertTarget(pool: CommonQueryMethods, place: FilePlace, wanted: number | undefined): Promise<void> {
  if (wanted === undefined) return;
  const current = await readLiveGeneration(pool, place);
  if (current !== wanted) throw generationMismatch(place.path, wanted, current);
}

/**
 * Tries until the file is placed, or throws the reason why it cannot be. An undeleted file takes no lock on its path, and
 * can be there first.
 */
async function retry(
  pool: DatabasePool,
  identity: Parameters<FileRepository["move"]>[2]["identity"],
  { path, place, explain }: { path: string; place: () => Promise<File | undefined>; explain: () => Promise<void> },
): Promise<File> {
  for (let attempt = 1; attempt <= CHANGE_ATTEMPTS_MAX; attempt++) {
    const file = await place().catch((error) => {
      if (violates(error, "file_live_path")) return undefined;
      throw error;
    });
    if (file !== undefined) return file;
    const earlier = await findEarlierFile(pool, identity);
    if (earlier !== undefined) return earlier;
    await explain();
  }
  throw fileContended(path, CHANGE_ATTEMPTS_MAX);
}

function toPlaced(sourcePath: string): EnteredRows {
  return {
    ...CHANGED_FILES,
    sourcePath: sql.fragment`${sourcePath}`,
    before: sql.fragment`jsonb_build_object('generation', c.former_generation)`,
    after: sql.fragment`jsonb_build_object('generation', c.generation)`,
  };
}

const placedRow = fileRow.extend({ former_generation: z.int() });

/**
 * Makes the row that `source` selects the live one of the target path, as its next generation, and supersedes the
 * generation that is there. Everybody who makes a generation of either path (a commit, too) holds the path's advisory lock
 * meanwhile. The statement begins after both locks are held, so it sees everything. They are taken in a fixed order, so
 * that two moves never wait for each other. Deletions take no lock: the file that they end is not there any more when its
 * row is locked. Links follow the file.
 */
async function placeLocked(
  pool: DatabasePool,
  options: {
    namespace: string;
    source: ReturnType<typeof sql.fragment>;
    sourcePath: string;
    targetPath: string;
    identity: Parameters<FileRepository["move"]>[2]["identity"];
    retentionMs: number;
    ifTargetGenerationMatch?: number | undefined;
  },
): Promise<File | undefined> {
  const { namespace, sourcePath, targetPath } = options;
  const wanted = options.ifTargetGenerationMatch ?? null;
  return await pool.transaction(async (transaction) => {
    await transaction.query(sql.unsafe`
      SELECT pg_advisory_xact_lock(k.key) FROM (
        SELECT DISTINCT hashtextextended(${namespace} || '/' || p.path, 0) AS key
        FROM unnest(${sql.array([sourcePath, targetPath], "text")}) AS p (path) ORDER BY 1
      ) k`);
    const row = await transaction.maybeOne(sql.type(placedRow)`
      WITH source AS MATERIALIZED (
        SELECT f.file_id, f.generation FROM file f
        WHERE f.namespace = ${namespace} AND ${options.source} FOR NO KEY UPDATE
      ), target AS MATERIALIZED (
        SELECT f.file_id, f.generation FROM file f
        WHERE f.namespace = ${namespace} AND f.path = ${targetPath} AND ${fileIsLive} FOR NO KEY UPDATE
      ), matching AS MATERIALIZED (
        SELECT s.file_id, s.generation FROM source s
        WHERE ${wanted}::bigint IS NULL OR ${wanted}::bigint = coalesce((SELECT t.generation FROM target t), 0)
      ), requested AS (${insertFileRequest(options.identity)} FROM matching ON CONFLICT DO NOTHING RETURNING subject_id
      ), numbered AS (
        INSERT INTO path_generation AS g (namespace, path, last_generation)
        SELECT ${namespace}, ${targetPath}, 1 FROM requested
        ON CONFLICT (namespace, path) DO UPDATE SET last_generation = g.last_generation + 1
        RETURNING g.last_generation AS generation, clock_timestamp() AS place_time
      ), superseded AS (
        UPDATE file f SET supersede_time = n.place_time, update_time = n.place_time,
          metageneration = f.metageneration + 1, purge_time = n.place_time + ${toInterval(options.retentionMs)}
        FROM target t, numbered n WHERE f.namespace = ${namespace} AND f.file_id = t.file_id
        RETURNING f.file_id
      ), changed AS (
        UPDATE file f SET path = ${targetPath}, generation = n.generation, supersede_time = NULL, delete_time = NULL,
          purge_time = NULL, update_time = n.place_time, metageneration = f.metageneration + 1
        -- The count makes the superseding come first: the index on live paths is checked at each row.
        FROM requested r, matching m, numbered n, (SELECT count(*) FROM superseded) s
        WHERE f.namespace = ${namespace} AND f.file_id = r.subject_id
        RETURNING ${fileColumns}, m.generation AS former_generation
      ), ${enterDeed(toDeed(options.identity), toPlaced(sourcePath))}
      SELECT * FROM changed`);
    if (row === null) return undefined;
    // This is a statement of its own: it sees the links that the statement before may have waited for.
    await transaction.query(sql.unsafe`
      UPDATE link l SET path = ${targetPath}, generation = CASE WHEN l.generation IS NOT NULL THEN ${row.generation}::bigint END
      WHERE l.namespace = ${namespace} AND l.path = ${sourcePath}
        AND (l.generation = ${row.former_generation}::bigint OR (l.generation IS NULL AND ${targetPath !== sourcePath}::boolean))`);
    return toFile(row);
  });
}
