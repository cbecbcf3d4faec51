import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { JobLeases } from "../domain/job-leases.ts";
import { toDomainError } from "./pool/errors.ts";
import { toInterval } from "./pool/sql-values.ts";

const leaseRow = z.object({ cursor: z.string() });

/** JobLeases in PostgreSQL, each method one statement. */
export function createJobLeases(pool: CommonQueryMethods): JobLeases {
  return {
    async take(name, { holder, leaseMs }) {
      const row = await pool
        .maybeOne(sql.type(leaseRow)`
          INSERT INTO job_lease AS l (name, holder, until_time)
          VALUES (${name}, ${holder}, now() + ${toInterval(leaseMs)})
          ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_time = excluded.until_time
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

    async end(name, { holder, dueAfterMs, cursor }) {
      await pool
        .query(sql.unsafe`
          UPDATE job_lease SET until_time = now() + ${toInterval(dueAfterMs)}, cursor = ${cursor}
          WHERE name = ${name} AND holder = ${holder}`)
        .catch(rethrow);
    },
  };
}

function rethrow(error: unknown): never {
  throw toDomainError(error);
}
