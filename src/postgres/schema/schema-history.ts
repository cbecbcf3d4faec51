import type { ClientBase } from "pg";
import { z } from "zod";
import { DomainError } from "../../domain/errors.ts";
import { compareVersions, type MigrationFile } from "./migration-files.ts";

const historyRows = z.array(
  z.object({
    version: z.string().nullable(),
    description: z.string(),
    type: z.string(),
    script: z.string(),
    checksum: z.int().nullable(),
    success: z.boolean(),
  }),
);

/** A row of Flyway's history table. */
export type AppliedMigration = z.infer<typeof historyRows>[number];

/** The table that Flyway 12 creates, word for word: https://documentation.red-gate.com/flyway (schema history table). */
export async function createHistory(client: ClientBase): Promise<void> {
  await client.query(`
    CREATE TABLE flyway_schema_history (
      installed_rank INT NOT NULL,
      version VARCHAR(50),
      description VARCHAR(200) NOT NULL,
      type VARCHAR(20) NOT NULL,
      script VARCHAR(1000) NOT NULL,
      checksum INTEGER,
      installed_by VARCHAR(100) NOT NULL,
      installed_on TIMESTAMP NOT NULL DEFAULT now(),
      execution_time INTEGER NOT NULL,
      success BOOLEAN NOT NULL,
      CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank)
    );
    CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success)`);
}

/** The history, oldest first; undefined where there is no table for it yet. */
export async function readHistory(client: ClientBase): Promise<AppliedMigration[] | undefined> {
  const table = await client.query("SELECT to_regclass('flyway_schema_history') IS NOT NULL AS exists");
  if (table.rows[0]?.exists !== true) return undefined;
  const { rows } = await client.query(`
    SELECT version, description, type, script, checksum, success FROM flyway_schema_history
    WHERE type NOT IN ('SCHEMA', 'DELETE') ORDER BY installed_rank`);
  return historyRows.parse(rows);
}

/** Whether the schema holds no table yet, those of extensions aside. */
export async function isEmptySchema(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query(`
    SELECT count(*)::int AS tables FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`);
  return rows[0]?.tables === 0;
}

/** Notes that a file was applied, or that it failed half-way. */
export async function insertApplied(
  client: ClientBase,
  file: MigrationFile,
  outcome: { success: boolean; executionTimeMs: number },
): Promise<void> {
  await client.query(
    `INSERT INTO flyway_schema_history
       (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
     SELECT coalesce(max(installed_rank), 0) + 1, $1, $2, 'SQL', $3, $4, current_user, $5, $6 FROM flyway_schema_history`,
    [file.version ?? null, file.description, file.script, file.checksum, outcome.executionTimeMs, outcome.success],
  );
}

/**
 * Which files are still to be applied, in order. Throws `failed_precondition / ARGUMENT_INVALID` when the history
 * contradicts the files, as Flyway's validate does: a changed or missing file, one that comes too late, a failed one. A
 * database that begins with another first migration is refused before all else.
 */
export function findPending(files: readonly MigrationFile[], history: readonly AppliedMigration[]): MigrationFile[] {
  const versioned = files.filter((file) => file.version !== undefined);
  assertSameBeginning(versioned, history);
  const failed = history.find((row) => !row.success);
  if (failed !== undefined) {
    throw refuse(`migration ${failed.script} failed half-way; undo it and delete its row from flyway_schema_history`);
  }
  const newest = versioned.at(-1)?.version ?? "0";
  let appliedUpTo = "0";
  for (const row of history) {
    if (row.version === null) continue;
    const { version } = row;
    if (compareVersions(version, appliedUpTo) > 0) appliedUpTo = version;
    const file = versioned.find((candidate) => compareVersions(candidate.version ?? "", version) === 0);
    if (file !== undefined) assertSame(file, row);
    else if (compareVersions(version, newest) <= 0) {
      throw refuse(`migration ${row.script} was applied to the database, but its file is missing; bring it back`);
    }
  }
  const pending = files.filter((file) => isPending(file, history));
  const late = pending.find((file) => file.version !== undefined && compareVersions(file.version, appliedUpTo) < 0);
  if (late !== undefined) {
    throw refuse(
      `migration ${late.script} comes too late: version ${appliedUpTo} is applied; give it a higher version`,
    );
  }
  return pending;
}

/**
 * The first migration stays as it is from the first release on, because releases only add files. Whatever has another one
 * in its place was made before that release.
 */
function assertSameBeginning(versioned: readonly MigrationFile[], history: readonly AppliedMigration[]): void {
  const [first] = versioned;
  const row = history.find(({ version }) => version !== null && compareVersions(version, first?.version ?? "") === 0);
  if (first === undefined || row === undefined) return;
  if (row.checksum === first.checksum && row.description === first.description) return;
  throw refuse(
    `the database begins with migration ${row.script} (checksum ${row.checksum}), and this version of Sluice with ` +
      `${first.script} (checksum ${first.checksum}): a version before the first release made the database, and no version ` +
      "takes it over. Download what you need with the version that made it, then give this one an empty database. " +
      `If you have edited ${first.script}, restore it instead`,
  );
}

function isPending(file: MigrationFile, history: readonly AppliedMigration[]): boolean {
  const { version } = file;
  if (version !== undefined) {
    return !history.some((row) => row.version !== null && compareVersions(row.version, version) === 0);
  }
  const last = history.findLast((row) => row.version === null && row.description === file.description);
  return last?.checksum !== file.checksum;
}

function assertSame(file: MigrationFile, row: AppliedMigration): void {
  if (row.checksum !== file.checksum) {
    throw refuse(
      `migration ${file.script} was changed after it was applied (checksum ${file.checksum}, applied ${row.checksum}); ` +
        "restore the file and put the change into a new one",
    );
  }
  if (row.description !== file.description) {
    throw refuse(`migration ${row.script} is named ${file.script} now; give it its old name`);
  }
}

function refuse(message: string): DomainError {
  return new DomainError("failed_precondition", message, { reason: "ARGUMENT_INVALID" });
}
