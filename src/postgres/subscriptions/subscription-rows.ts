import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { Actor } from "../../domain/deed.ts";
import type {
  EndReason,
  Failing,
  Receiver,
  Subscription,
  SubscriptionState,
} from "../../domain/subscriptions/subscription.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { type EnteredRows, enterDeed } from "../rows/journal-rows.ts";

/** A row of `subscriptionColumns`. */
export const subscriptionRow = z.object({
  subscription_id: z.string(),
  namespace: z.string(),
  principal: z.string(),
  receiver_kind: z.enum(["webhook", "event-bus"] satisfies Receiver["kind"][]),
  receiver: z.string(),
  secret_hex: z.string().nullable(),
  former_secret_hex: z.string().nullable(),
  former_secret_until: z.date().nullable(),
  types: z.array(z.string()),
  path_prefix: z.string(),
  create_time: z.date(),
  state: z.enum(["active", "paused", "dead"] satisfies SubscriptionState[]),
  state_reason: z.string(),
  state_time: z.date(),
  origin_id: z.string(),
  sequence: z.int(),
  progress_time: z.date(),
  failures: z.int(),
  first_failure_time: z.date().nullable(),
  last_failure_time: z.date().nullable(),
  failure: z.string(),
  failing_since: z.date().nullable(),
  next_time: z.date(),
  epoch: z.int(),
  dead_letters: z.int(),
  now: z.date(),
});

type SubscriptionRow = z.infer<typeof subscriptionRow>;

/** The columns of `subscription s` that make a `subscriptionRow`. A former secret that signs no more is none. */
export const subscriptionColumns = sql.fragment`
  s.subscription_id, s.namespace, s.principal, s.receiver_kind, s.receiver, encode(s.secret, 'hex') AS secret_hex,
  CASE WHEN s.former_secret_until > now() THEN encode(s.former_secret, 'hex') END AS former_secret_hex,
  CASE WHEN s.former_secret_until > now() THEN s.former_secret_until END AS former_secret_until,
  s.types, s.path_prefix, s.create_time, s.state, s.state_reason, s.state_time, s.origin_id, s.sequence, s.progress_time,
  s.failures, s.first_failure_time, s.last_failure_time, s.failure, s.failing_since, s.next_time, s.epoch,
  (SELECT count(*) FROM dead_letter d WHERE d.namespace = s.namespace AND d.subscription_id = s.subscription_id) AS dead_letters, now() AS now`;

/** That the deliveries go well: what an UPDATE sets when they do, or are to begin anew. */
export const allGoesWell = sql.fragment`
  failures = 0, first_failure_time = NULL, last_failure_time = NULL, failure = '', failing_since = NULL`;

/** That nobody has the lease any more, and that whoever comes next may begin at once. */
export const leaseIsFree = sql.fragment`epoch = epoch + 1, lease_until = '-infinity', next_time = now()`;

/** The rows of a CTE `changed` that returns `subscriptionColumns`; `after` is jsonb of what has been decided. */
export function changedSubscriptions(after?: SqlFragment): EnteredRows {
  return {
    from: sql.fragment`changed c`,
    kind: "subscription",
    namespace: sql.fragment`c.namespace`,
    id: sql.fragment`c.subscription_id`,
    ...(after !== undefined && { after }),
  };
}

/** Deletes one subscription of a namespace, or all of them, and enters that into the journal; returns how many. */
export async function deleteSubscriptions(
  pool: CommonQueryMethods,
  { namespace, subscriptionId }: { namespace: string; subscriptionId?: string },
  actor: Actor,
): Promise<number> {
  const isMeant =
    subscriptionId === undefined ? sql.fragment`true` : sql.fragment`s.subscription_id = ${subscriptionId}::uuid`;
  const { rowCount } = await pool.query(sql.type(subscriptionRow)`
    WITH changed AS (
      DELETE FROM subscription s WHERE s.namespace = ${namespace} AND ${isMeant} RETURNING ${subscriptionColumns}
    ), ${enterDeed({ action: "DeleteSubscription", actor }, changedSubscriptions())}
    SELECT * FROM changed`);
  return rowCount;
}

/** A subscription of the domain. */
export function toSubscription(row: SubscriptionRow): Subscription {
  return {
    subscriptionId: row.subscription_id,
    namespace: row.namespace,
    principal: row.principal,
    receiver: toReceiver(row),
    types: row.types,
    pathPrefix: row.path_prefix,
    createTime: row.create_time,
    state: row.state,
    endReason: row.state === "dead" ? (row.state_reason as EndReason) : undefined,
    stateTime: row.state_time,
    cursor: { origin: row.origin_id, sequence: row.sequence },
    progressTime: row.progress_time,
    failing: toFailing(row),
    formerSecretUntil: row.former_secret_until ?? undefined,
    deadLetters: row.dead_letters,
  };
}

/** The sealed secrets that sign, the present one first. */
export function toSecrets({ secret_hex, former_secret_hex }: SubscriptionRow): Uint8Array[] {
  return [secret_hex, former_secret_hex].flatMap((hex) => (hex === null ? [] : [Buffer.from(hex, "hex")]));
}

function toReceiver({ receiver_kind: kind, receiver }: SubscriptionRow): Receiver {
  return kind === "webhook" ? { kind, url: receiver } : { kind, arn: receiver };
}

function toFailing(row: SubscriptionRow): Failing | undefined {
  const { failures, failure, failing_since, last_failure_time, next_time } = row;
  if (failing_since === null || last_failure_time === null) return undefined;
  return {
    failures,
    // An event that has just followed a dead letter has not failed yet.
    firstTime: row.first_failure_time ?? row.now,
    lastTime: last_failure_time,
    since: failing_since,
    problem: failure,
    nextTime: next_time,
  };
}
