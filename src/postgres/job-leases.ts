import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { type JobLeases, type JobOutcome, type JobState, LOST_RUN } from "../domain/jobs/job-leases.ts";
import { toDomainError } from "./pool/errors.ts";
import { type SqlFragment, toInterval } from "./pool/sql-values.ts";

const leaseRow = z.object({ cursor: z.string() });

const stateRow = z.object({
  name: z.string(),
  holder: z.string(),
  until_time: z.date(),
  running_since: z.date().nullable(),
  last_begin_time: z.date().nullable(),
  last_end_time: z.date().nullable(),
  last_outcome: z.custom<JobOutcome>((value) => typeof value === "string").nullable(),
  last_problem: z.string().nullable(),
});

/** That a run began and its holder has let the lease pass. */
const isLost = sql.fragment`(l.begin_time IS NOT NULL AND l.until_time <= now())`;
/** The last run that ended, whether its holder said so or was lost. */
const lastRun = {
  beginTime: sql.fragment`CASE WHEN ${isLost} THEN l.begin_time ELSE l.last_begin_time END`,
  endTime: sql.fragment`CASE WHEN ${isLost} THEN l.until_time ELSE l.last_end_time END`,
  outcome: sql.fragment`CASE WHEN ${isLost} THEN 'failed' ELSE l.last_outcome END`,
  problem: sql.fragment`CASE WHEN ${isLost} THEN ${LOST_RUN} ELSE l.last_problem END`,
};

function isOfNamespace(name: SqlFragment): SqlFragment {
  return sql.fragment`EXISTS (SELECT FROM namespace n WHERE n.name = ${name} AND n.delete_time IS NULL)`;
}

/** The deliveries of active subscriptions as jobs: a lease that has passed is due, and what it did is told by what was delivered. */
const deliveries = sql.fragment`
  SELECT ('deliver-events/' || s.namespace || '/' || s.subscription_id) COLLATE "C" AS name, s.holder,
    CASE WHEN s.lease_until > now() THEN s.lease_until ELSE s.next_time END AS until_time,
    CASE WHEN s.lease_until > now() THEN s.lease_time END AS running_since,
    coalesce(s.first_failure_time, s.progress_time) AS last_begin_time,
    coalesce(s.last_failure_time, s.progress_time) AS last_end_time,
    CASE WHEN s.failing_since IS NULL THEN 'done' ELSE 'failed' END AS last_outcome, s.failure AS last_problem
  FROM subscription s WHERE s.state = 'active' AND s.lease_time IS NOT NULL AND ${isOfNamespace(sql.fragment`s.namespace`)}`;

/** JobLeases in PostgreSQL, each method one statement. */
export function createJobLeases(pool: CommonQueryMethods): JobLeases {
  return {
    async take(name, { holder, leaseMs }) {
      const row = await pool
        .maybeOne(sql.type(leaseRow)`
          INSERT INTO job_lease AS l (name, holder, until_time, begin_time)
          VALUES (${name}, ${holder}, now() + ${toInterval(leaseMs)}, now())
          ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_time = excluded.until_time, begin_time = now(),
            last_begin_time = ${lastRun.beginTime}, last_end_time = ${lastRun.endTime}, last_outcome = ${lastRun.outcome},
            last_problem = ${lastRun.problem}
          WHERE l.until_time <= now()
          RETURNING cursor`)
        .catch(rethrow);
      return row ?? undefined;
    },

    async keep(name, { holder, leaseMs }) {
      const { rowCount } = await pool
        .query(sql.unsafe`
          UPDATE job_lease SET until_time = now() + ${toInterval(leaseMs)} WHERE name = ${name} AND holder = ${holder}`)
        .catch(rethrow);
      return rowCount > 0;
    },

    async end(name, { holder, dueAfterMs, cursor, outcome, problem }) {
      await pool
        .query(sql.unsafe`
          UPDATE job_lease SET until_time = now() + ${toInterval(dueAfterMs)}, cursor = ${cursor}, begin_time = NULL,
            last_begin_time = coalesce(begin_time, last_begin_time), last_end_time = now(), last_outcome = ${outcome},
            last_problem = ${problem}
          WHERE name = ${name} AND holder = ${holder}`)
        .catch(rethrow);
    },

    async list({ after, limit }) {
      const rows = await pool
        .any(sql.type(stateRow)`
          SELECT * FROM (
            SELECT l.name, l.holder, l.until_time, CASE WHEN NOT ${isLost} THEN l.begin_time END AS running_since,
              ${lastRun.beginTime} AS last_begin_time, ${lastRun.endTime} AS last_end_time,
              ${lastRun.outcome} AS last_outcome, ${lastRun.problem} AS last_problem
            FROM job_lease l
            WHERE l.name > ${after} AND (strpos(l.name, '/') = 0 OR ${isOfNamespace(sql.fragment`split_part(l.name, '/', 2)`)})
            UNION ALL
            (SELECT d.* FROM (${deliveries}) d WHERE d.name > ${after} ORDER BY d.name LIMIT ${limit})
          ) l
          ORDER BY l.name LIMIT ${limit}`)
        .catch(rethrow);
      return rows.map(toState);
    },
  };
}

function toState({ name, holder, ...row }: z.infer<typeof stateRow>): JobState {
  const { last_begin_time: beginTime, last_end_time: endTime, last_outcome: outcome, last_problem: problem } = row;
  const hasRun = beginTime !== null && endTime !== null && outcome !== null;
  return {
    name,
    holder,
    runningSince: row.running_since ?? undefined,
    untilTime: row.until_time,
    lastRun: hasRun ? { beginTime, endTime, outcome, problem: problem ?? "" } : undefined,
  };
}

function rethrow(error: unknown): never {
  throw toDomainError(error);
}
