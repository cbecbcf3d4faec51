import { readFile } from "node:fs/promises";
import { Client } from "pg";

/** What the databases of tests are like. */
export type PostgresForm = (typeof FORMS)[number];

const FORMS = [
  /** As the migrations make it, for a superuser. */
  "plain",
  /** As with a provider: no superuser, an extension that somebody else has made, and no functions about the cluster. */
  "managed",
  /** Behind PgBouncer, which gives each transaction another session. */
  "pgbouncer",
  /** With the tables of files divided by namespace. */
  "partitions",
] as const;

/** The form that SLUICE_TEST_POSTGRES names; plain when it is unset. */
export function readPostgresForm(): PostgresForm {
  const named = process.env.SLUICE_TEST_POSTGRES || "plain";
  const form = FORMS.find((one) => one === named);
  if (form === undefined) throw new Error(`SLUICE_TEST_POSTGRES is ${named}; it must be one of ${FORMS.join(", ")}`);
  return form;
}

/** The role that has databases of the form "managed". It may make tables, but no extension. */
export const TENANT = "tenant";

/**
 * The functions that tell of the write-ahead log and of the cluster: Aurora has no such log, and providers keep the others to themselves.
 */
const CLUSTER_FUNCTIONS = `
  SELECT p.oid::regprocedure FROM pg_proc p
  WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '_(wal|control)_|_wal$|_lsn|_replay_timestamp$'`;

/** Makes an empty database such as a provider gives it: `url` is that of a superuser. */
export async function prepareManaged(url: string): Promise<void> {
  await executeOn(
    url,
    `CREATE EXTENSION pg_trgm;
     GRANT CREATE ON SCHEMA public TO ${TENANT};
     DO $$
     DECLARE function regprocedure;
     BEGIN
       FOR function IN ${CLUSTER_FUNCTIONS} LOOP
         EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function);
       END LOOP;
     END
     $$`,
  );
}

const PARTITION_SCRIPT = new URL("../../../../deploy/postgres/partition-by-namespace.sql", import.meta.url);
const PARTITIONS = 4;

/** Divides the tables of a migrated database by namespace. */
export async function divideByNamespace(url: string): Promise<void> {
  const script = await readFile(PARTITION_SCRIPT, "utf8");
  await executeOn(url, `${script}; SELECT pg_temp.partition_by_namespace(${PARTITIONS})`);
}

/** Executes statements by a session of their own. */
export async function executeOn(url: string, statements: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statements);
  } finally {
    await client.end();
  }
}
