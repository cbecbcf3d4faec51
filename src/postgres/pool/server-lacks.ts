import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { POOL_LIMITS_DEFAULT } from "./pool.ts";

/** What a server does not have that the service can do without, and what to do about it: a sentence each. */
export interface ServerLack {
  message: string;
  mend: string;
}

const serverRow = z.object({
  role: z.string(),
  owner: z.string(),
  unlimited: z.array(z.string()),
  is_known: z.boolean(),
});

/** The settings that the service gives its own sessions; behind a pooler those of the role hold. */
const LIMITS = ["statement_timeout", "idle_in_transaction_session_timeout"];

/** Looks for what the server lacks, by a session such as the service has. Rejects as statements do. */
export async function findServerLacks(pool: CommonQueryMethods): Promise<ServerLack[]> {
  const server = await pool.one(sql.type(serverRow)`
    SELECT quote_ident(current_user) AS role,
      (SELECT p.proowner::regrole::text FROM pg_proc p WHERE p.oid = 'journal_here'::regproc) AS owner, journal_here() NOT LIKE 'unknown/%' AS is_known,
      ARRAY(SELECT s.name FROM pg_settings s WHERE s.name = ANY (${sql.array(LIMITS, "text")}) AND s.setting = '0' ORDER BY s.name DESC)
        AS unlimited`);
  const lacks: ServerLack[] = [];
  if (server.unlimited.length > 0) {
    const alter = server.unlimited.map((name) => {
      return `ALTER ROLE ${server.role} SET ${name} = '${POOL_LIMITS_DEFAULT.statementTimeoutMs}ms'`;
    });
    lacks.push({
      message: `behind the pooler nothing ends a statement or a transaction that hangs (${server.unlimited.join(", ")})`,
      mend: `run at the database: ${alter.join("; ")}`,
    });
  }
  if (!server.is_known) {
    lacks.push({
      message:
        "the database does not tell which cluster it is, so the feed of events does not notice that it was restored",
      mend:
        `run GRANT EXECUTE ON FUNCTION pg_control_system, pg_control_checkpoint TO ${server.owner}, or after each restore: ` +
        "INSERT INTO journal_origin (made_by) VALUES ('restored')",
    });
  }
  return lacks;
}
