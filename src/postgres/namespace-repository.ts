import { type CommonQueryMethods, type DatabasePool, type DatabaseTransactionConnection, sql } from "slonik";
import { z } from "zod";
import type { Grant } from "../domain/access/grants.ts";
import { type Actor, type Deed, SERVICE_ACTOR } from "../domain/deed.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import { AUDIT_POLICIES } from "../domain/namespaces/namespace-bounds.ts";
import type {
  IfVersion,
  NamespacePolicy,
  NamespaceRecord,
  NamespaceRepository,
} from "../domain/namespaces/namespace-repository.ts";
import { QUOTA_NAMES, type Quotas } from "../domain/namespaces/quotas.ts";
import {
  assertSameBinding,
  namespaceChanged,
  namespaceExists,
  namespaceNotEmpty,
  prefixOverlaps,
} from "../domain/namespaces/refusals.ts";
import { namespaceNotFound } from "../domain/repository-refusals.ts";
import { isEmpty, readUsage } from "./namespace-usage.ts";
import { atBorder } from "./pool/errors.ts";
import { type EnteredRows, enterDeed, toChangedValues } from "./rows/journal-rows.ts";
import { deleteSubscriptions } from "./subscriptions/subscription-rows.ts";

const namespaceRow = z.object({
  name: z.string(),
  bucket: z.string(),
  region: z.string(),
  key_prefix: z.string(),
  allowed_regions: z.array(z.string()),
  file_size_max_bytes: z.int(),
  retention_ms: z.int(),
  retain_default_ms: z.int(),
  download_url_lifetime_max_ms: z.int(),
  part_url_lifetime_max_ms: z.int(),
  link_lifetime_max_ms: z.int(),
  audit: z.enum(AUDIT_POLICIES),
  requests_per_second_max: z.int().nullable(),
  bytes_per_day_max: z.int().nullable(),
  stored_bytes_max: z.int().nullable(),
  principal_requests_per_second_max: z.int().nullable(),
  principal_bytes_per_day_max: z.int().nullable(),
  principal_stored_bytes_max: z.int().nullable(),
  grants: z.custom<readonly Grant[]>(),
  version: z.int(),
  create_time: z.date(),
  update_time: z.date(),
  delete_time: z.date().nullable(),
});

const versionRow = z.object({ version: z.int() });
const nameRow = z.object({ name: z.string() });

const columns = sql.fragment`
  n.name, n.bucket, n.region, n.key_prefix, n.allowed_regions, n.file_size_max_bytes, n.retention_ms, n.retain_default_ms,
  n.download_url_lifetime_max_ms, n.part_url_lifetime_max_ms, n.link_lifetime_max_ms, n.requests_per_second_max, n.bytes_per_day_max,
  n.stored_bytes_max, n.principal_requests_per_second_max, n.principal_bytes_per_day_max, n.principal_stored_bytes_max,
  n.audit, n.grants, n.version, n.create_time, n.update_time, n.delete_time`;

/** Namespaces in PostgreSQL. Whatever a decision rests on is read from the primary. */
export function createNamespaceRepository(pool: DatabasePool): NamespaceRepository {
  return atBorder<NamespaceRepository>({
    create: (namespace, actor) =>
      inTurn(pool, async (transaction, version) => {
        const before = await find(transaction, namespace.name);
        if (before === undefined) return await insert(transaction, namespace, { version, actor });
        if (before.deleteTime !== undefined || !isSame(before, namespace)) throw namespaceExists(before);
        return before;
      }),
    ensure: async (namespace) => {
      const before = await find(pool, namespace.name);
      const record =
        before ??
        (await inTurn(pool, (transaction, version) =>
          ensure(transaction, namespace, { version, actor: SERVICE_ACTOR }),
        ));
      assertSameBinding(record, namespace);
      return record;
    },
    update: (name, change, options) =>
      inTurn(pool, async (transaction, version) => {
        const before = await lock(transaction, name, { ...options, strength: CHANGED });
        const { names, values } = toPolicyColumns(change(before));
        const set = sql.fragment`(${names}) = ROW(${values})`;
        return await write(transaction, before, { version, set, action: "UpdateNamespace", actor: options.actor });
      }),
    setGrants: (name, grants, options) =>
      inTurn(pool, async (transaction, version) => {
        const before = await lock(transaction, name, { ...options, strength: CHANGED });
        const set = sql.fragment`grants = ${JSON.stringify(grants)}::jsonb`;
        return await write(transaction, before, { version, set, action: "SetGrants", actor: options.actor });
      }),
    delete: async (name, options) => {
      const deleted = await inTurn(pool, async (transaction, version) => {
        const before = await lock(transaction, name, { ...options, strength: DELETED });
        if (!(await isEmpty(transaction, name))) return undefined;
        // Nothing is used of an empty namespace, and nobody adds to it any more.
        await transaction.query(sql.unsafe`DELETE FROM usage_slot WHERE namespace = ${name}`);
        await deleteSubscriptions(transaction, { namespace: name }, options.actor);
        const set = sql.fragment`delete_time = now(), grants = '[]'`;
        return await write(transaction, before, { version, set, action: "DeleteNamespace", actor: options.actor });
      });
      // All that is in it is counted when nobody waits for the lock any more.
      if (deleted === undefined) throw namespaceNotEmpty(name, await readUsage(pool, name));
      return deleted;
    },
    listChanged: async (afterVersion) => {
      const rows = await pool.any(
        sql.type(namespaceRow)`SELECT ${columns} FROM namespace n WHERE n.version > ${afterVersion} ORDER BY n.version`,
      );
      return rows.map(toRecord);
    },
    usage: async (name, options) => await readUsage(pool, name, options),
  });
}

/** The namespace of that name, deleted or not; undefined when there never was one. For those who only look. */
export async function findNamespace(pool: DatabasePool, name: string): Promise<NamespaceRecord | undefined> {
  return await atBorder({ find: () => find(pool, name) }).find();
}

/**
 * Makes a change in a transaction that has the next version. Changes of namespaces take turns at the one row of versions, so
 * that they become visible in the order of their versions: whoever reads all that is newer than a version misses none.
 */
async function inTurn<T>(
  pool: DatabasePool,
  change: (transaction: DatabaseTransactionConnection, version: number) => Promise<T>,
): Promise<T> {
  return await pool.transaction(async (transaction) => {
    const version = await transaction.oneFirst(
      sql.type(versionRow)`UPDATE namespace_version SET version = version + 1 RETURNING version`,
    );
    return await change(transaction, version);
  });
}

async function ensure(
  pool: CommonQueryMethods,
  namespace: Namespace,
  options: { version: number; actor: Actor },
): Promise<NamespaceRecord> {
  return (await find(pool, namespace.name)) ?? (await insert(pool, namespace, options));
}

async function find(pool: CommonQueryMethods, name: string): Promise<NamespaceRecord | undefined> {
  const row = await pool.maybeOne(sql.type(namespaceRow)`SELECT ${columns} FROM namespace n WHERE n.name = ${name}`);
  return row === null ? undefined : toRecord(row);
}

async function insert(
  pool: CommonQueryMethods,
  namespace: Namespace,
  { version, actor }: { version: number; actor: Actor },
): Promise<NamespaceRecord> {
  const { name, bucket, region, keyPrefix } = namespace;
  const other = await pool.maybeOneFirst(sql.type(nameRow)`
    SELECT n.name FROM namespace n WHERE n.bucket = ${bucket} AND n.delete_time IS NULL
      AND (starts_with(n.key_prefix, ${keyPrefix}) OR starts_with(${keyPrefix}, n.key_prefix))
    ORDER BY n.name LIMIT 1`);
  if (other !== null) throw prefixOverlaps(namespace, other);
  const { names, values } = toPolicyColumns(namespace);
  await pool.query(sql.unsafe`
    INSERT INTO namespace (name, bucket, region, key_prefix, version, ${names})
    VALUES (${name}, ${bucket}, ${region}, ${keyPrefix}, ${version}, ${values})`);
  const record = (await find(pool, name)) as NamespaceRecord;
  await enter(pool, { action: "CreateNamespace", actor }, { name, before: {}, after: toValues(record) });
  return record;
}

/** The lock on a namespace that is changed: uploads may begin in it meanwhile. */
const CHANGED = sql.fragment`NO KEY UPDATE`;
/** The lock on a namespace that is deleted: who begins an upload in it holds a shared lock on the row, or waits for this one. */
const DELETED = sql.fragment`UPDATE`;

/** The namespace, that nobody changes meanwhile. */
async function lock(
  pool: CommonQueryMethods,
  name: string,
  { ifVersion, strength }: IfVersion & { strength: typeof CHANGED },
): Promise<NamespaceRecord> {
  const row = await pool.maybeOne(
    sql.type(namespaceRow)`SELECT ${columns} FROM namespace n WHERE n.name = ${name} FOR ${strength}`,
  );
  if (row === null || row.delete_time !== null) throw namespaceNotFound(name);
  if (ifVersion !== undefined && row.version !== ifVersion) throw namespaceChanged(name);
  return toRecord(row);
}

async function write(
  pool: CommonQueryMethods,
  before: NamespaceRecord,
  { version, set, ...deed }: Deed & { version: number; set: ReturnType<typeof sql.fragment> },
): Promise<NamespaceRecord> {
  const { name } = before;
  await pool.query(sql.unsafe`
    UPDATE namespace SET ${set}, version = ${version}, update_time = now() WHERE name = ${name}`);
  const record = (await find(pool, name)) as NamespaceRecord;
  await enter(pool, deed, { name, before: toValues(before), after: toValues(record) });
  return record;
}

/** What a namespace says of itself, as far as it can change. */
function toValues({ version, createTime, updateTime, ...values }: NamespaceRecord): Record<string, unknown> {
  return values;
}

/** Enters a change into the journal, with the values that it has changed. */
async function enter(
  pool: CommonQueryMethods,
  deed: Deed,
  { name, before, after }: { name: string; before: Record<string, unknown>; after: Record<string, unknown> },
): Promise<void> {
  const rows: EnteredRows = {
    from: sql.fragment`namespace n`,
    kind: "namespace",
    namespace: sql.fragment`n.name`,
    id: sql.fragment`NULL::uuid`,
    ...toChangedValues(before, after),
    where: sql.fragment`n.name = ${name}`,
  };
  await pool.query(sql.unsafe`WITH ${enterDeed(deed, rows)} SELECT`);
}

/** The columns of a policy and their values, in one order. */
function toPolicyColumns(policy: NamespacePolicy) {
  const columns = {
    allowed_regions: sql.array([...policy.allowedRegions], "text"),
    file_size_max_bytes: policy.fileSizeMaxBytes,
    retention_ms: policy.retentionMs,
    retain_default_ms: policy.retainDefaultMs,
    download_url_lifetime_max_ms: policy.downloadUrlLifetimeMaxMs,
    part_url_lifetime_max_ms: policy.partUrlLifetimeMaxMs,
    link_lifetime_max_ms: policy.linkLifetimeMaxMs,
    audit: policy.audit,
    ...Object.fromEntries(
      Object.entries(QUOTA_NAMES).map(([key, name]) => [name, policy[key as keyof Quotas] ?? null]),
    ),
  };
  const names = Object.keys(columns).map((name) => sql.fragment`${sql.identifier([name])}`);
  const values = Object.values(columns).map((value) => sql.fragment`${value}`);
  return { names: sql.join(names, sql.fragment`, `), values: sql.join(values, sql.fragment`, `) };
}

function isSame(record: NamespaceRecord, namespace: Namespace): boolean {
  const values = ({ name, bucket, region, keyPrefix, allowedRegions, ...policy }: Namespace) =>
    JSON.stringify([
      ...[name, bucket, region, keyPrefix, allowedRegions, policy.fileSizeMaxBytes, policy.retentionMs],
      ...[policy.retainDefaultMs, policy.downloadUrlLifetimeMaxMs, policy.partUrlLifetimeMaxMs],
      ...[
        policy.linkLifetimeMaxMs,
        policy.audit,
        ...Object.keys(QUOTA_NAMES).map((key) => policy[key as keyof Quotas]),
      ],
    ]);
  return values(record) === values(namespace);
}

function toRecord(row: z.infer<typeof namespaceRow>): NamespaceRecord {
  return {
    name: row.name,
    bucket: row.bucket,
    region: row.region,
    keyPrefix: row.key_prefix,
    allowedRegions: row.allowed_regions,
    fileSizeMaxBytes: row.file_size_max_bytes,
    retentionMs: row.retention_ms,
    retainDefaultMs: row.retain_default_ms,
    downloadUrlLifetimeMaxMs: row.download_url_lifetime_max_ms,
    partUrlLifetimeMaxMs: row.part_url_lifetime_max_ms,
    linkLifetimeMaxMs: row.link_lifetime_max_ms,
    audit: row.audit,
    requestsPerSecondMax: row.requests_per_second_max ?? undefined,
    bytesPerDayMax: row.bytes_per_day_max ?? undefined,
    storedBytesMax: row.stored_bytes_max ?? undefined,
    principalRequestsPerSecondMax: row.principal_requests_per_second_max ?? undefined,
    principalBytesPerDayMax: row.principal_bytes_per_day_max ?? undefined,
    principalStoredBytesMax: row.principal_stored_bytes_max ?? undefined,
    grants: row.grants,
    version: row.version,
    createTime: row.create_time,
    updateTime: row.update_time,
    deleteTime: row.delete_time ?? undefined,
  };
}
