import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { SERVICE_ACTOR } from "../../domain/deed.ts";
import type { DeliveryLease, DeliveryLeases } from "../../domain/subscriptions/delivery-leases.ts";
import type { EndReason } from "../../domain/subscriptions/subscription.ts";
import { atBorder } from "../pool/errors.ts";
import { type SqlFragment, toBytea, toInterval } from "../pool/sql-values.ts";
import { enterDeed, toJson } from "../rows/journal-rows.ts";
import {
  allGoesWell,
  changedSubscriptions,
  leaseIsFree,
  subscriptionColumns,
  subscriptionRow,
  toSecrets,
  toSubscription,
} from "./subscription-rows.ts";

const keptRow = z.object({ subscription_id: z.string(), epoch: z.int() });
const wantedRow = z.object({ sequence: z.int(), entry_id: z.string() });

/** DeliveryLeases in PostgreSQL, each method one statement. `holder` is the replica that takes them, as operators are told. */
export function createDeliveryLeases(pool: DatabasePool, { holder }: { holder: string }): DeliveryLeases {
  const change = async (lease: DeliveryLease, set: SqlFragment): Promise<boolean> => {
    const { rowCount } = await pool.query(sql.unsafe`UPDATE subscription s SET ${set} WHERE ${isStillOf(lease)}`);
    return rowCount > 0;
  };
  const leases: DeliveryLeases = {
    take: (options) => take(pool, { ...options, holder }),
    keep: (held, options) => keep(pool, held, options),
    holds: (lease) => pool.exists(sql.unsafe`SELECT FROM subscription s WHERE ${isStillOf(lease)}`),
    leave: (lease, { dueAfterMs }) =>
      change(lease, sql.fragment`lease_until = '-infinity', next_time = now() + ${toInterval(dueAfterMs)}`),
    advance: (lease, sequence) =>
      change(
        lease,
        sql.fragment`sequence = greatest(sequence, ${sequence}::bigint), progress_time = now(), ${allGoesWell}`,
      ),
    fail: (lease, { problem, retryAfterMs }) =>
      change(
        lease,
        sql.fragment`${hasFailed(problem)}, lease_until = '-infinity', next_time = now() + ${toInterval(retryAfterMs)}`,
      ),
    setAside: (lease, letter) => setAside(pool, lease, letter),
    end: async (lease, { reason, problem }) => {
      const set = sql.fragment`${hasFailed(problem)}, ${isEnded(reason)}`;
      return (await endAll(pool, { set, where: isStillOf(lease), reason })) > 0;
    },
    reseal: (lease, [secret, former]) =>
      change(
        lease,
        sql.fragment`secret = ${toBytea(secret)}, former_secret = coalesce(${toBytea(former)}, former_secret)`,
      ),
    listWanted: async ({ subscription }, { limit }) => {
      const rows = await pool.any(sql.type(wantedRow)`
        SELECT sequence, entry_id FROM dead_letter
        WHERE namespace = ${subscription.namespace} AND subscription_id = ${subscription.subscriptionId}::uuid AND is_wanted
        ORDER BY sequence LIMIT ${limit}`);
      return rows.map((row) => ({ sequence: row.sequence, eventId: row.entry_id }));
    },
    settle: async (lease, { sequence }, { problem }) => {
      const which = sql.fragment`
        d.namespace = s.namespace AND d.subscription_id = s.subscription_id AND d.sequence = ${sequence}::bigint AND ${isStillOf(lease)}`;
      const statement =
        problem === undefined
          ? sql.unsafe`DELETE FROM dead_letter d USING subscription s WHERE ${which}`
          : sql.unsafe`
              UPDATE dead_letter d SET is_wanted = false, failures = d.failures + 1, failure = ${problem}
              FROM subscription s WHERE ${which}`;
      return (await pool.query(statement)).rowCount > 0;
    },
    lapsePaused: ({ pausedMs }) => {
      const where = sql.fragment`s.state = 'paused' AND s.state_time <= now() - ${toInterval(pausedMs)}`;
      return endAll(pool, { set: isEnded("lapsed"), where, reason: "lapsed" });
    },
  };
  return atBorder<DeliveryLeases>(leases);
}

/** That nobody has taken or changed the subscription of a lease since. */
function isStillOf({ subscription, epoch }: DeliveryLease): SqlFragment {
  const { namespace, subscriptionId } = subscription;
  return sql.fragment`
    s.namespace = ${namespace} AND s.subscription_id = ${subscriptionId}::uuid AND s.epoch = ${epoch}::bigint`;
}

function hasFailed(problem: string): SqlFragment {
  return sql.fragment`
    failures = s.failures + 1, first_failure_time = coalesce(s.first_failure_time, now()), last_failure_time = now(),
    failure = ${problem}, failing_since = coalesce(s.failing_since, now())`;
}

function isEnded(reason: EndReason): SqlFragment {
  return sql.fragment`state = 'dead', state_reason = ${reason}, state_time = now(), ${leaseIsFree}`;
}

async function take(
  pool: DatabasePool,
  { leaseMs, limit, holder }: { leaseMs: number; limit: number; holder: string },
): Promise<DeliveryLease[]> {
  const rows = await pool.any(sql.type(subscriptionRow)`
    WITH due AS (
      SELECT s.namespace, s.subscription_id FROM subscription s JOIN namespace n ON n.name = s.namespace AND n.delete_time IS NULL
      WHERE s.state = 'active' AND s.lease_until <= now() AND s.next_time <= now()
      ORDER BY s.next_time LIMIT ${limit} FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE subscription s SET epoch = s.epoch + 1, lease_until = now() + ${toInterval(leaseMs)}, holder = ${holder}, lease_time = now()
    FROM due d WHERE s.namespace = d.namespace AND s.subscription_id = d.subscription_id
    RETURNING ${subscriptionColumns}`);
  return rows.map((row) => ({
    subscription: toSubscription(row),
    epoch: row.epoch,
    secrets: toSecrets(row),
    takenTime: row.now,
  }));
}

async function keep(
  pool: DatabasePool,
  held: readonly DeliveryLease[],
  { leaseMs }: { leaseMs: number },
): Promise<ReadonlySet<DeliveryLease>> {
  const namespaces = held.map(({ subscription }) => subscription.namespace);
  const ids = held.map(({ subscription }) => subscription.subscriptionId);
  const epochs = held.map(({ epoch }) => epoch);
  const rows = await pool.any(sql.type(keptRow)`
    UPDATE subscription s SET lease_until = now() + ${toInterval(leaseMs)}
    FROM unnest(${sql.array(namespaces, "text")}, ${sql.array(ids, "uuid")}, ${sql.array(epochs, "int8")})
      AS h (namespace, subscription_id, epoch)
    WHERE s.namespace = h.namespace COLLATE "C" AND s.subscription_id = h.subscription_id AND s.epoch = h.epoch
    RETURNING s.subscription_id, s.epoch`);
  // This process may hold a lease that it has lost beside the one that it has taken since.
  const kept = new Map(rows.map((row) => [row.subscription_id, row.epoch]));
  return new Set(held.filter(({ subscription, epoch }) => kept.get(subscription.subscriptionId) === epoch));
}

async function setAside(
  pool: DatabasePool,
  lease: DeliveryLease,
  { sequence, eventId, problem }: Parameters<DeliveryLeases["setAside"]>[1],
): Promise<boolean> {
  const { rowCount } = await pool.query(sql.type(subscriptionRow)`
    WITH former AS (
      SELECT s.failures FROM subscription s WHERE ${isStillOf(lease)}
    ), changed AS (
      UPDATE subscription s SET sequence = ${sequence}::bigint, failures = 0, first_failure_time = NULL, last_failure_time = now(),
        failure = ${problem}, failing_since = coalesce(s.failing_since, now()), lease_until = '-infinity', next_time = now()
      WHERE ${isStillOf(lease)}
      RETURNING ${subscriptionColumns}
    ), letter AS (
      INSERT INTO dead_letter (namespace, subscription_id, sequence, entry_id, failures, failure)
      SELECT c.namespace, c.subscription_id, ${sequence}::bigint, ${eventId}::uuid, f.failures + 1, ${problem}
      FROM changed c CROSS JOIN former f
      ON CONFLICT (namespace, subscription_id, sequence) DO UPDATE SET
        failures = dead_letter.failures + excluded.failures, failure = excluded.failure, letter_time = now(), is_wanted = false
    ), ${enterDeed({ action: "DeadLetterEvent", actor: SERVICE_ACTOR }, changedSubscriptions(toJson({ event: eventId, problem })))}
    SELECT * FROM changed`);
  return rowCount > 0;
}

async function endAll(
  pool: DatabasePool,
  { set, where, reason }: { set: SqlFragment; where: SqlFragment; reason: EndReason },
): Promise<number> {
  const { rowCount } = await pool.query(sql.type(subscriptionRow)`
    WITH changed AS (
      UPDATE subscription s SET ${set} WHERE ${where} RETURNING ${subscriptionColumns}
    ), ${enterDeed({ action: "EndSubscription", actor: SERVICE_ACTOR }, changedSubscriptions(toJson({ state: "dead", reason })))}
    SELECT * FROM changed`);
  return rowCount;
}
