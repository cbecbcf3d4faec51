import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { isInScope, type PathScope } from "../../domain/access/path-scope.ts";
import { type CommandIdentity, toDeed } from "../../domain/command-identity.ts";
import { type Actor, SERVICE_ACTOR } from "../../domain/deed.ts";
import { LINK_LIMITS, type Link, toLinkState } from "../../domain/links/link.ts";
import type { LinkPage, LinkRepository, LinkVisitor, NewLink, OpenedLink } from "../../domain/links/link-repository.ts";
import { linkNotFound, namespaceNotFound } from "../../domain/repository-refusals.ts";
import { atBorder, violates } from "../pool/errors.ts";
import { readDatabaseClock } from "../pool/pool.ts";
import type { ReadPool } from "../pool/read-pool.ts";
import { type SqlFragment, toBytea, toInterval } from "../pool/sql-values.ts";
import { fileColumns, fileIsLive, fileIsReadable, fileRow, toFile } from "../rows/file-rows.ts";
import { type EnteredActor, type EnteredRows, enterDeed, enterRows } from "../rows/journal-rows.ts";
import { findEarlierSubject, insertRequest } from "../rows/request-rows.ts";

/** Links that one page reads: where most have ended, the page comes back short instead of late. */
export const LINKS_SCANNED_MAX = 20_000;

/** A use tries so often; each time it loses to another move of its file. */
const USE_ATTEMPTS_MAX = 3;

/** A row of `link`, as `linkColumns` selects it. */
export const linkRow = z.object({
  link_id: z.string(),
  link_namespace: z.string(),
  link_path: z.string(),
  link_generation: z.int().nullable(),
  principal: z.string(),
  download_name: z.string(),
  inline: z.boolean(),
  note: z.string(),
  max_uses: z.int(),
  uses: z.int(),
  last_use_time: z.date().nullable(),
  link_create_time: z.date(),
  expire_time: z.date(),
  revoke_time: z.date().nullable(),
  now: z.date(),
});

/** The columns of `link l` that make a `linkRow`; columns that a file has, too, get names of their own. */
export const linkColumns = sql.fragment`
  l.link_id, l.namespace AS link_namespace, l.path AS link_path, l.generation AS link_generation, l.principal,
  l.download_name, l.inline, l.note, l.max_uses, l.uses, l.last_use_time, l.create_time AS link_create_time,
  l.expire_time, l.revoke_time, now() AS now`;

const isActive = sql.fragment`
  (l.revoke_time IS NULL AND l.expire_time > now() AND (l.max_uses = 0 OR l.uses < l.max_uses))`;

/** The condition that `link l` gives `file f`. */
const isLinkedFile = sql.fragment`
  (f.namespace = l.namespace AND f.path = l.path
    AND ((l.generation IS NULL AND ${fileIsLive}) OR f.generation = l.generation) AND ${fileIsReadable})`;

/** The rows of a CTE `changed` that returns `linkColumns`. */
const CHANGED_LINKS: EnteredRows = {
  from: sql.fragment`changed c`,
  kind: "link",
  namespace: sql.fragment`c.link_namespace`,
  id: sql.fragment`c.link_id`,
  generation: sql.fragment`c.link_generation`,
  path: sql.fragment`c.link_path`,
  dataSubject: sql.fragment`coalesce((
    SELECT f.data_subject FROM file f
    WHERE f.namespace = c.link_namespace AND f.path = c.link_path AND coalesce(f.generation = c.link_generation, true)
    ORDER BY f.generation DESC LIMIT 1), '')`,
};

/** Whoever uses a link is known by an address alone. */
function toVisitor({ sourceAddress }: LinkVisitor): EnteredActor {
  return {
    action: sql.fragment`'UseLink'`,
    principal: sql.fragment`'link:' || c.link_id`,
    tokenKind: sql.fragment`'link'`,
    address: sql.fragment`${sourceAddress}`,
    requestId: sql.fragment`NULL::uuid`,
  };
}

const scannedRow = z.object({ link_id: z.string() });
const activeRow = z.object({ is_active: z.boolean() });
const openedRow = z.object({ ...fileRow.shape, ...linkRow.shape });

/**
 * Links in PostgreSQL. Lists are read from a server that has seen the commit position that they name; everything else must
 * know the last revocation, and goes to the primary. Links are opened by connections of their own.
 */
export function createLinkRepository(pools: {
  commands: DatabasePool;
  links: DatabasePool;
  read: ReadPool;
}): LinkRepository {
  const repository: LinkRepository = {
    now: () => readDatabaseClock(pools.commands),
    create: (link, identity) => createLink(pools.commands, link, identity),
    revoke: (namespace, linkId, actor) => revokeLink(pools.commands, { namespace, linkId }, actor),
    list: (namespace, options) => pools.read(options.position, (pool) => listLinks(pool, namespace, options)),
    peek: (tokenSha256) => peekLink(pools.links, tokenSha256),
    use: (tokenSha256, visitor) => useLink(pools.links, tokenSha256, visitor),
    forget: (options) => forgetLinks(pools.commands, options),
  };
  return atBorder<LinkRepository>(repository);
}

async function createLink(
  pool: CommonQueryMethods,
  link: NewLink,
  identity: CommandIdentity,
): Promise<{ link: Link; isTokenSet: boolean }> {
  const { expiry } = link;
  const statement = sql.type(linkRow)`
    WITH requested AS (
      ${insertRequest(identity, sql.fragment`${link.linkId}::uuid`)}
      ON CONFLICT DO NOTHING RETURNING subject_id
    -- Waits for a move under way; one that comes later waits for this statement, and then sees the link.
    ), placed AS MATERIALIZED (
      SELECT f.path, f.generation FROM file f WHERE f.namespace = ${link.namespace} AND f.file_id = ${link.fileId}::uuid FOR SHARE
    ), changed AS (
    INSERT INTO link AS l (
      link_id, namespace, path, generation, token_sha256, principal, download_name, inline, note, max_uses, expire_time
    )
    SELECT subject_id, ${link.namespace}, p.path, CASE WHEN ${link.generation !== undefined}::boolean THEN p.generation END,
      ${toBytea(link.tokenSha256)},
      ${link.principal}, ${link.downloadName}, ${link.inline}::boolean, ${link.note}, ${link.maxUses}::integer,
      ${"at" in expiry ? sql.fragment`${expiry.at.toISOString()}::timestamptz` : sql.fragment`now() + ${toInterval(expiry.afterMs)}`}
    FROM requested CROSS JOIN placed p
    RETURNING ${linkColumns}
    ), ${enterDeed(toDeed(identity), CHANGED_LINKS)}
    SELECT * FROM changed`;
  const row = await pool.maybeOne(statement).catch((error) => {
    if (violates(error, "link_namespace_fkey")) throw namespaceNotFound(link.namespace);
    throw error;
  });
  if (row !== null) return { link: toLink(row), isTokenSet: true };
  const linkId = await findEarlierSubject(pool, identity);
  // The request was forgotten in between, a day after it was made.
  if (linkId === undefined) return await createLink(pool, link, identity);
  const renewed = await pool.maybeOne(sql.type(linkRow)`
    WITH changed AS (
      UPDATE link l SET token_sha256 = ${toBytea(link.tokenSha256)}
      WHERE l.namespace = ${link.namespace} AND l.link_id = ${linkId} AND l.uses = 0
      RETURNING ${linkColumns}
    ), ${enterDeed(toDeed(identity), CHANGED_LINKS)}
    SELECT * FROM changed`);
  if (renewed !== null) return { link: toLink(renewed), isTokenSet: true };
  return { link: await readLink(pool, link.namespace, linkId), isTokenSet: false };
}

async function readLink(pool: CommonQueryMethods, namespace: string, linkId: string): Promise<Link> {
  const row = await pool.maybeOne(sql.type(linkRow)`
    SELECT ${linkColumns} FROM link l WHERE l.namespace = ${namespace} AND l.link_id = ${linkId}`);
  if (row === null) throw linkNotFound(linkId);
  return toLink(row);
}

async function revokeLink(
  pool: CommonQueryMethods,
  { namespace, linkId }: { namespace: string; linkId: string },
  actor: Actor,
): Promise<Link> {
  const row = await pool.maybeOne(sql.type(linkRow)`
    WITH changed AS (
      UPDATE link l SET revoke_time = now()
      WHERE l.namespace = ${namespace} AND l.link_id = ${linkId} AND l.revoke_time IS NULL
      RETURNING ${linkColumns}
    ), ${enterDeed({ action: "RevokeLink", actor }, CHANGED_LINKS)}
    SELECT * FROM changed`);
  return row === null ? await readLink(pool, namespace, linkId) : toLink(row);
}

async function listLinks(
  pool: CommonQueryMethods,
  namespace: string,
  options: Parameters<LinkRepository["list"]>[1],
): Promise<LinkPage> {
  const { path, scope, showEnded, limit, after } = options;
  const conditions = [
    sql.fragment`l.namespace = ${namespace}`,
    path !== undefined && sql.fragment`l.path = ${path}`,
    after !== undefined && sql.fragment`l.link_id < ${after}::uuid`,
  ];
  const scanned = sql.fragment`
    SELECT l.* FROM link l WHERE ${sql.and(conditions)} ORDER BY l.link_id DESC LIMIT ${LINKS_SCANNED_MAX}`;
  const rows = await pool.any(sql.type(linkRow)`
    SELECT ${linkColumns} FROM (${scanned}) l
    WHERE ${showEnded ? sql.fragment`true` : isActive} AND ${isWithin(scope)}
    ORDER BY l.link_id DESC LIMIT ${limit + 1}`);
  const links = rows.slice(0, limit).map(toLink);
  if (rows.length > limit) return { links, next: links.at(-1)?.linkId };
  if (showEnded && isInScope(scope, "")) return { links, next: undefined };
  // The page is short: either no link follows, or it has read as many links as it may.
  const last = await pool.maybeOne(sql.type(scannedRow)`
    SELECT l.link_id FROM link l WHERE ${sql.and(conditions)}
    ORDER BY l.link_id DESC OFFSET ${LINKS_SCANNED_MAX - 1} LIMIT 1`);
  return { links, next: last?.link_id };
}

/** That `link l` is to a file of a scope. */
function isWithin(scope: PathScope): SqlFragment {
  if (isInScope(scope, "")) return sql.fragment`true`;
  const within = scope.map((prefix) => sql.fragment`starts_with(l.path, ${prefix})`);
  return sql.fragment`(${sql.join([sql.fragment`false`, ...within], sql.fragment` OR `)})`;
}

async function peekLink(pool: CommonQueryMethods, tokenSha256: Uint8Array): Promise<OpenedLink> {
  const row = await pool.maybeOne(sql.type(openedRow)`
    SELECT ${linkColumns}, ${fileColumns} FROM link l JOIN file f ON ${isLinkedFile}
    WHERE l.token_sha256 = ${toBytea(tokenSha256)} AND ${isActive}`);
  if (row !== null) return toOpened(row);
  const { kind } = await explainNothing(pool, tokenSha256);
  return { kind: kind === "ended" ? "ended" : "nothing" };
}

/**
 * A use that waited for a move sees the link where it is now, but the file where it was: it is tried again. A use of a link
 * without a file is tried again, too, because the two look alike.
 */
async function useLink(pool: CommonQueryMethods, tokenSha256: Uint8Array, visitor: LinkVisitor): Promise<OpenedLink> {
  for (let attempt = 1; attempt <= USE_ATTEMPTS_MAX; attempt++) {
    const opened = await useOnce(pool, tokenSha256, visitor);
    if (opened !== undefined) return opened;
    const { kind } = await explainNothing(pool, tokenSha256);
    if (kind !== "without-file") return { kind };
  }
  return { kind: "nothing" };
}

async function useOnce(
  pool: CommonQueryMethods,
  tokenSha256: Uint8Array,
  visitor: LinkVisitor,
): Promise<OpenedLink | undefined> {
  const row = await pool.maybeOne(sql.type(openedRow)`
    WITH changed AS (
      UPDATE link l SET uses = l.uses + 1, last_use_time = now() FROM file f
      WHERE l.token_sha256 = ${toBytea(tokenSha256)}
        AND ${isActive} AND ${isLinkedFile}
      RETURNING ${linkColumns}, ${fileColumns}
    ), noted AS (
      INSERT INTO link_use (namespace, link_id, use_number, source_address, user_agent)
      SELECT link_namespace, link_id, uses, ${visitor.sourceAddress}, ${visitor.userAgent} FROM changed
    ), forgotten AS (
      DELETE FROM link_use u USING changed c
      WHERE u.namespace = c.link_namespace AND u.link_id = c.link_id AND u.use_number = c.uses - ${LINK_LIMITS.usesKept}::bigint
    ), ${enterRows(toVisitor(visitor), { ...CHANGED_LINKS, dataSubject: sql.fragment`c.data_subject` })}
    SELECT * FROM changed`);
  return row === null ? undefined : toOpened(row);
}

/** The reason why a token opens nothing. A token that was never given out takes as much work as one that has ended. */
async function explainNothing(
  pool: CommonQueryMethods,
  tokenSha256: Uint8Array,
): Promise<{ kind: "ended" | "nothing" | "without-file" }> {
  const row = await pool.maybeOne(sql.type(activeRow)`
    SELECT ${isActive} AS is_active FROM link l
    WHERE l.token_sha256 = ${toBytea(tokenSha256)}`);
  if (row === null) return { kind: "nothing" };
  return { kind: row.is_active ? "without-file" : "ended" };
}

async function forgetLinks(
  pool: CommonQueryMethods,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<number> {
  const { rowCount } = await pool.query(sql.type(linkRow)`
    WITH changed AS (
      DELETE FROM link l USING (
        SELECT namespace, link_id FROM link WHERE expire_time < now() - ${toInterval(olderThanMs)}
        ORDER BY expire_time LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ) o
      WHERE l.namespace = o.namespace AND l.link_id = o.link_id
      RETURNING ${linkColumns}
    ), ${enterDeed({ action: "ForgetLink", actor: SERVICE_ACTOR }, CHANGED_LINKS)}
    SELECT * FROM changed`);
  return rowCount;
}

function toOpened(row: z.infer<typeof openedRow>): OpenedLink {
  return { kind: "file", link: toLink(row), file: toFile(row) };
}

/** The link of a row. */
export function toLink(row: z.infer<typeof linkRow>): Link {
  const ends = {
    maxUses: row.max_uses,
    uses: row.uses,
    expireTime: row.expire_time,
    revokeTime: row.revoke_time ?? undefined,
  };
  return {
    linkId: row.link_id,
    namespace: row.link_namespace,
    path: row.link_path,
    generation: row.link_generation ?? undefined,
    principal: row.principal,
    downloadName: row.download_name,
    inline: row.inline,
    note: row.note,
    lastUseTime: row.last_use_time ?? undefined,
    createTime: row.link_create_time,
    ...ends,
    state: toLinkState(ends, row.now),
  };
}
