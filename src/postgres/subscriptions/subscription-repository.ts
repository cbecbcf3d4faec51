import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { type CommandIdentity, toDeed } from "../../domain/command-identity.ts";
import { namespaceNotFound, subscriptionNotFound, subscriptionsFull } from "../../domain/repository-refusals.ts";
import { type DeadLetter, type Receiver, SUBSCRIPTION_LIMITS } from "../../domain/subscriptions/subscription.ts";
import type {
  KeptSubscription,
  NewSubscription,
  Redelivery,
  SubscriptionChange,
  SubscriptionRepository,
} from "../../domain/subscriptions/subscription-repository.ts";
import { atBorder } from "../pool/errors.ts";
import { type SqlFragment, toBytea, toInterval } from "../pool/sql-values.ts";
import { enterDeed, toJson } from "../rows/journal-rows.ts";
import { findEarlierSubject, insertRequest } from "../rows/request-rows.ts";
import {
  allGoesWell,
  changedSubscriptions,
  deleteSubscriptions,
  leaseIsFree,
  subscriptionColumns,
  subscriptionRow,
  toSecrets,
  toSubscription,
} from "./subscription-rows.ts";

const letterRow = z.object({
  sequence: z.int(),
  entry_id: z.string(),
  failures: z.int(),
  failure: z.string(),
  letter_time: z.date(),
  is_wanted: z.boolean(),
});

const countRow = z.object({ count: z.int() });

/** Subscriptions in PostgreSQL, from the primary: whoever has changed one sees that at once. */
export function createSubscriptionRepository(pool: DatabasePool): SubscriptionRepository {
  const repository: SubscriptionRepository = {
    create: (subscription, identity) => createSubscription(pool, subscription, identity),
    get: async (namespace, subscriptionId) => (await read(pool, namespace, subscriptionId)).subscription,
    listLetters: async ({ namespace, subscriptionId }, { limit }) => {
      const rows = await pool.any(sql.type(letterRow)`
        SELECT sequence, entry_id, failures, failure, letter_time, is_wanted FROM dead_letter
        WHERE namespace = ${namespace} AND subscription_id = ${subscriptionId}::uuid ORDER BY sequence LIMIT ${limit}`);
      return rows.map(toLetter);
    },
    list: async (namespace) => {
      const rows = await pool.any(sql.type(subscriptionRow)`
        SELECT ${subscriptionColumns} FROM subscription s WHERE s.namespace = ${namespace} ORDER BY s.subscription_id`);
      return rows.map(toSubscription);
    },
    update: (namespace, subscriptionId, { change, identity }) => {
      const set = sql.join([leaseIsFree, ...toAssignments(change)], sql.fragment`, `);
      const { state, secret } = change;
      const after = toJson({ state, ...(secret !== undefined && { secret: "replaced" }) });
      return changeOnce(pool, { namespace, subscriptionId }, { identity, set, after });
    },
    delete: async (namespace, subscriptionId, actor) => {
      const deleted = await deleteSubscriptions(pool, { namespace, subscriptionId }, actor);
      if (deleted === 0) throw subscriptionNotFound(subscriptionId);
    },
    redeliver: async (namespace, subscriptionId, { redelivery, identity }) => {
      const { set, marked, after } = toRedelivery(redelivery, namespace);
      const where = { namespace, subscriptionId };
      return (await changeOnce(pool, where, { identity, set, marked, after })).subscription;
    },
  };
  return atBorder<SubscriptionRepository>(repository);
}

async function createSubscription(
  pool: DatabasePool,
  subscription: NewSubscription,
  identity: CommandIdentity,
): Promise<KeptSubscription> {
  const { namespace, subscriptionId, principal, receiver, types, pathPrefix, cursor, secret } = subscription;
  const made = await pool.transaction(async (transaction) => {
    // Those who make subscriptions of one namespace take turns, so that they count right.
    const turn = await transaction.query(
      sql.unsafe`SELECT FROM namespace WHERE name = ${namespace} AND delete_time IS NULL FOR NO KEY UPDATE`,
    );
    if (turn.rowCount === 0) throw namespaceNotFound(namespace);
    const earlierId = await findEarlierSubject(transaction, identity);
    if (earlierId !== undefined) return await read(transaction, namespace, earlierId);
    const { perNamespaceMax } = SUBSCRIPTION_LIMITS;
    const count = await transaction.oneFirst(
      sql.type(countRow)`SELECT count(*) AS count FROM subscription WHERE namespace = ${namespace}`,
    );
    if (count >= perNamespaceMax) throw subscriptionsFull(namespace, perNamespaceMax);
    const said = { receiver: toShown(receiver), types, path_prefix: pathPrefix };
    const row = await transaction.one(sql.type(subscriptionRow)`
      WITH requested AS (
        ${insertRequest(identity, sql.fragment`${subscriptionId}::uuid`)} RETURNING subject_id
      ), changed AS (
        INSERT INTO subscription AS s (subscription_id, namespace, principal, receiver_kind, receiver, secret, types, path_prefix,
          origin_id, sequence)
        SELECT subject_id, ${namespace}, ${principal}, ${receiver.kind}, ${toTarget(receiver)}, ${toBytea(secret)},
          ${sql.array([...types], "text")}, ${pathPrefix}, ${cursor.origin}::uuid, ${cursor.sequence}::bigint
        FROM requested
        RETURNING ${subscriptionColumns}
      ), ${enterDeed(toDeed(identity), changedSubscriptions(toJson(said)))}
      SELECT * FROM changed`);
    return toKept(row);
  });
  return made;
}

/** Changes a subscription once, by a command that may come again. */
async function changeOnce(
  pool: DatabasePool,
  { namespace, subscriptionId }: { namespace: string; subscriptionId: string },
  change: { identity: CommandIdentity; set: SqlFragment; marked?: SqlFragment | undefined; after: SqlFragment },
): Promise<KeptSubscription> {
  const { identity, set, marked, after } = change;
  const row = await pool.maybeOne(sql.type(subscriptionRow)`
    WITH requested AS (
      ${insertRequest(identity, sql.fragment`o.subscription_id`)}
      FROM subscription o WHERE o.namespace = ${namespace} AND o.subscription_id = ${subscriptionId}::uuid
      ON CONFLICT DO NOTHING RETURNING subject_id
    ), changed AS (
      UPDATE subscription s SET ${set} FROM requested WHERE s.namespace = ${namespace} AND s.subscription_id = subject_id
      RETURNING ${subscriptionColumns}
    ), ${marked ?? sql.fragment`marked AS (SELECT)`}, ${enterDeed(toDeed(identity), changedSubscriptions(after))}
    SELECT * FROM changed`);
  if (row !== null) return toKept(row);
  // Either the command comes again, or there is nothing to change.
  await findEarlierSubject(pool, identity);
  return await read(pool, namespace, subscriptionId);
}

async function read(pool: CommonQueryMethods, namespace: string, subscriptionId: string): Promise<KeptSubscription> {
  const row = await pool.maybeOne(sql.type(subscriptionRow)`
    SELECT ${subscriptionColumns} FROM subscription s
    WHERE s.namespace = ${namespace} AND s.subscription_id = ${subscriptionId}::uuid`);
  if (row === null) throw subscriptionNotFound(subscriptionId);
  return toKept(row);
}

function toAssignments({ state, secret }: SubscriptionChange): SqlFragment[] {
  const assignments: SqlFragment[] = [];
  if (state !== undefined)
    assignments.push(sql.fragment`state = ${state}, state_reason = '', state_time = now(), ${allGoesWell}`);
  if (secret !== undefined) {
    assignments.push(sql.fragment`
      former_secret = secret, former_secret_until = now() + ${toInterval(secret.formerMs)}, secret = ${toBytea(secret.sealed)}`);
  }
  return assignments;
}

function toRedelivery(
  redelivery: Redelivery,
  namespace: string,
): { set: SqlFragment; marked?: SqlFragment; after: SqlFragment } {
  if ("letters" in redelivery) {
    return {
      set: leaseIsFree,
      marked: sql.fragment`marked AS (
        UPDATE dead_letter d SET is_wanted = true FROM requested
        WHERE d.namespace = ${namespace} AND d.subscription_id = subject_id)`,
      after: toJson({ redeliver: "dead letters" }),
    };
  }
  const { origin, sequence } = redelivery.from;
  return {
    set: sql.fragment`${leaseIsFree}, ${allGoesWell}, origin_id = ${origin}::uuid, sequence = ${sequence}::bigint`,
    after: toJson({ redeliver_after: sequence }),
  };
}

function toTarget(receiver: Receiver): string {
  return receiver.kind === "webhook" ? receiver.url : receiver.arn;
}

/** What auditors see of a receiver: the query of a URL may hold a secret of its owner's. */
function toShown(receiver: Receiver): string {
  return toTarget(receiver).replace(/\?.*$/s, "");
}

function toKept(row: z.infer<typeof subscriptionRow>): KeptSubscription {
  return { subscription: toSubscription(row), secret: toSecrets(row)[0] };
}

function toLetter(row: z.infer<typeof letterRow>): DeadLetter {
  return {
    eventId: row.entry_id,
    sequence: row.sequence,
    failures: row.failures,
    problem: row.failure,
    time: row.letter_time,
    isWanted: row.is_wanted,
  };
}
