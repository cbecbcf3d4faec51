import { Client } from "pg";
import { sql } from "slonik";

/**
 * Makes a database refuse a transaction that changes what the journal is about and enters nothing: the check comes at the
 * commit. Only tests have it.
 */
export async function guardJournal(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(GUARD);
  } finally {
    await client.end();
  }
}

const GUARDED = ["file", "link", "namespace"];

const GUARD = `
  CREATE FUNCTION require_journal_entry() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NOT EXISTS (SELECT FROM journal_entry e WHERE e.xid = pg_current_xact_id()) THEN
      RAISE EXCEPTION '% of % without an entry of the journal', TG_OP, TG_TABLE_NAME;
    END IF;
    RETURN NULL;
  END
  $$;
  ${GUARDED.map(
    (table) => `
  CREATE CONSTRAINT TRIGGER journal_guard AFTER INSERT OR DELETE ON ${table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_journal_entry();
  CREATE CONSTRAINT TRIGGER journal_guard_of_updates AFTER UPDATE ON ${table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION require_journal_entry();`,
  ).join("")}`;

/** The head of a statement by which a test changes tables itself: it enters that into the journal. */
export const enteredByTest = sql.fragment`
  WITH entered AS (
    INSERT INTO journal_entry (namespace, action, outcome, resource_kind, token_kind)
    VALUES ('default', 'Test', 'done', 'service', 'service')
  )`;
