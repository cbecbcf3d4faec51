import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import { fileContended } from "../../domain/repository-refusals.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { findEarlierFile } from "./file-requests.ts";

/**
 * Tries of a change that another one overtakes each time; from the second try on only a change that puts another file in
 * this one's place can do so.
 */
export const CHANGE_ATTEMPTS_MAX = 5;

/**
 * Changes a file that is read before it is written: `change` returns undefined when somebody else changed the file in
 * between. At the second try the row that `located` finds, which follows WHERE of `file f`, is locked first, so that the
 * changes of one file queue up. Without the lock, each of many changes might be overtaken by all others. A command that was
 * run before gets its first answer again. `aborted / CONTENDED` when the change is overtaken all the same.
 */
export async function changeFile(
  pool: DatabasePool,
  path: string,
  options: {
    identity: CommandIdentity;
    located: SqlFragment;
    change: (pool: CommonQueryMethods) => Promise<File | undefined>;
  },
): Promise<File> {
  const { identity, located, change } = options;
  const attempt = async (connection: CommonQueryMethods) =>
    (await findEarlierFile(connection, identity)) ?? (await change(connection));
  const attemptLocked = () =>
    pool.transaction(async (transaction) => {
      await transaction.query(sql.unsafe`SELECT FROM file f WHERE ${located} FOR NO KEY UPDATE`);
      return await attempt(transaction);
    });
  let changed = await attempt(pool);
  for (let attempts = 1; changed === undefined && attempts < CHANGE_ATTEMPTS_MAX; attempts++) {
    changed = await attemptLocked();
  }
  if (changed === undefined) throw fileContended(path, CHANGE_ATTEMPTS_MAX);
  return changed;
}
