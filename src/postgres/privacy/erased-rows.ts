import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import type { Erasure } from "../../domain/privacy/erasure.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { enterDeed } from "../rows/journal-rows.ts";

/**
 * ErasureRepository.endFiles, in one transaction. The rows stay as tombstones under paths that say nothing; a generation whose path is
 * forgotten may be given out again for it, because nothing refers to it any more.
 *
 * Two erasures may be about the same rows, and moves and commits lock rows of the same paths. No two of them wait for each other in a
 * circle: an erasure locks its own row first, then the paths as everybody does who makes a generation, then table by table the rows in the
 * order of their keys, the requests last.
 */
export async function endFiles(pool: DatabasePool, erasure: Erasure, fileIds: readonly string[]): Promise<void> {
  const { namespace, erasureId, actor } = erasure;
  const ids = sql.array([...fileIds], "uuid");
  await pool.transaction(async (transaction) => {
    await lockErasure(transaction, erasure);
    await transaction.query(sql.unsafe`
      SELECT pg_advisory_xact_lock(k.key) FROM (
        SELECT DISTINCT hashtextextended(f.namespace || '/' || f.path, 0) AS key
        FROM file f WHERE f.namespace = ${namespace} AND f.file_id = ANY (${ids}) AND f.purge_state = 'purged' ORDER BY 1
      ) k`);
    // A link without a generation gives the path's live file: it stays where that is another's.
    await transaction.query(sql.unsafe`
      WITH former AS MATERIALIZED (
        SELECT l.link_id FROM link l JOIN file f ON l.namespace = f.namespace AND l.path = f.path
          AND (l.generation = f.generation OR (l.generation IS NULL AND NOT EXISTS (
            SELECT FROM file o WHERE o.namespace = f.namespace AND o.path = f.path AND o.supersede_time IS NULL AND o.delete_time IS NULL)))
        WHERE f.namespace = ${namespace} AND f.file_id = ANY (${ids}) AND f.purge_state = 'purged'
        ORDER BY l.link_id FOR UPDATE OF l
      ), changed AS (
        DELETE FROM link l USING (SELECT DISTINCT link_id FROM former) o WHERE l.namespace = ${namespace} AND l.link_id = o.link_id
        RETURNING l.namespace, l.link_id
      ), noted AS (
        INSERT INTO erasure_resource (namespace, erasure_id, resource_id, kind, state)
        SELECT c.namespace, ${erasureId}, c.link_id, 'link', 'erased' FROM changed c
        ON CONFLICT (namespace, erasure_id, resource_id) DO UPDATE SET state = 'erased'
      ), counted AS (
        UPDATE erasure e SET links_erased = e.links_erased + (SELECT count(*) FROM changed)
        WHERE e.namespace = ${namespace} AND e.erasure_id = ${erasureId}
      ), ${enterDeed({ action: "EraseLink", actor }, toErased("link", sql.fragment`c.link_id`))}
      SELECT FROM changed`);
    await transaction.query(sql.unsafe`
      WITH former AS MATERIALIZED (
        SELECT f.file_id, f.path FROM file f
        WHERE f.namespace = ${namespace} AND f.file_id = ANY (${ids}) AND f.purge_state = 'purged'
        ORDER BY f.file_id FOR NO KEY UPDATE
      ), changed AS (
        UPDATE file f SET path = 'erased/' || f.file_id FROM former o
        WHERE f.namespace = ${namespace} AND f.file_id = o.file_id
        RETURNING f.namespace, f.file_id
      ), ${enterDeed({ action: "EraseFile", actor }, toErased("file", sql.fragment`c.file_id`))}, freed AS (
        DELETE FROM path_generation g USING (
          SELECT p.path FROM path_generation p WHERE p.namespace = ${namespace} AND p.path IN (SELECT path FROM former) AND NOT EXISTS (
            SELECT FROM file f WHERE f.namespace = p.namespace AND f.path = p.path AND f.file_id NOT IN (SELECT file_id FROM former))
          ORDER BY p.path FOR UPDATE
        ) o
        WHERE g.namespace = ${namespace} AND g.path = o.path
      )
      SELECT FROM changed`);
    await forget(transaction, { erasure, ids, kind: "file", where: sql.fragment`true` });
  });
}

/** ErasureRepository.endUploads, in one transaction, which locks in the order of `endFiles`. */
export async function endUploads(pool: DatabasePool, erasure: Erasure, uploadIds: readonly string[]): Promise<void> {
  const { namespace, erasureId } = erasure;
  const ids = sql.array([...uploadIds], "uuid");
  await pool.transaction(async (transaction) => {
    await lockErasure(transaction, erasure);
    await transaction.query(sql.unsafe`
      UPDATE erasure_resource r SET state = 'held' FROM upload u, erasure_resource h
      WHERE r.namespace = ${namespace} AND r.erasure_id = ${erasureId} AND r.resource_id = ANY (${ids})
        AND u.upload_id = r.resource_id AND h.namespace = r.namespace AND h.erasure_id = r.erasure_id
        AND h.resource_id = u.file_id AND h.state = 'held'`);
    const isOver = sql.fragment`NOT EXISTS (
      SELECT FROM upload u WHERE u.upload_id = r.resource_id AND u.state IN ('open', 'completing', 'assembled'))`;
    await transaction.query(sql.unsafe`
      UPDATE upload u SET path = 'erased/' || u.upload_id, copied_path = CASE WHEN u.copied_path IS NOT NULL THEN 'erased' END,
        metadata = '{}', labels = '{}', data_subject = '', content_type = ''
      FROM (
        SELECT o.upload_id FROM erasure_resource r JOIN upload o ON o.upload_id = r.resource_id AND o.namespace = r.namespace
        WHERE r.namespace = ${namespace} AND r.erasure_id = ${erasureId} AND r.resource_id = ANY (${ids}) AND r.state = 'found' AND ${isOver}
        ORDER BY o.upload_id FOR NO KEY UPDATE OF o
      ) o
      WHERE u.upload_id = o.upload_id`);
    await forget(transaction, { erasure, ids, kind: "upload", where: isOver });
  });
}

/** Lets no two steps of one erasure change its rows at once: they may then lock these in any order. */
export async function lockErasure(transaction: CommonQueryMethods, { namespace, erasureId }: Erasure): Promise<void> {
  await transaction.query(sql.unsafe`
    SELECT FROM erasure e WHERE e.namespace = ${namespace} AND e.erasure_id = ${erasureId} FOR NO KEY UPDATE`);
}

/** What entries of an erasure say of a CTE `changed`: the id, and nothing about a person. */
function toErased(kind: "file" | "link", id: SqlFragment) {
  return { from: sql.fragment`changed c`, kind, namespace: sql.fragment`c.namespace`, id };
}

/** Forgets the requests that made these, and notes them as erased. */
async function forget(
  transaction: CommonQueryMethods,
  {
    erasure,
    ids,
    kind,
    where,
  }: { erasure: Erasure; ids: ReturnType<typeof sql.array>; kind: "file" | "upload"; where: SqlFragment },
): Promise<void> {
  const { namespace, erasureId } = erasure;
  const column = kind === "file" ? sql.fragment`files_erased` : sql.fragment`uploads_erased`;
  await transaction.query(sql.unsafe`
    WITH done AS (
      UPDATE erasure_resource r SET state = 'erased'
      WHERE r.namespace = ${namespace} AND r.erasure_id = ${erasureId} AND r.resource_id = ANY (${ids}) AND r.state = 'found'
        AND ${where}
      RETURNING r.resource_id
    ), forgotten AS (
      DELETE FROM request q USING (
        SELECT o.* FROM request o WHERE o.namespace = ${namespace} AND o.subject_id IN (SELECT resource_id FROM done)
        ORDER BY o.principal, o.method, o.request_id FOR UPDATE
      ) o
      WHERE (q.namespace, q.principal, q.method, q.request_id) = (o.namespace, o.principal, o.method, o.request_id)
    )
    UPDATE erasure e SET ${column} = e.${column} + (SELECT count(*) FROM done)
    WHERE e.namespace = ${namespace} AND e.erasure_id = ${erasureId}`);
}
