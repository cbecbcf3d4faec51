import { type CommonQueryMethods, sql } from "slonik";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import { fileColumns, fileRow, toFile } from "../rows/file-rows.ts";
import { findEarlierSubject, insertRequest } from "../rows/request-rows.ts";

/** The head of a statement that notes the command for the file of a CTE; the caller adds FROM. */
export function insertFileRequest(identity: CommandIdentity) {
  return insertRequest(identity, sql.fragment`file_id`);
}

/** The file that the same command changed before, as the file is now. */
export async function findEarlierFile(pool: CommonQueryMethods, identity: CommandIdentity): Promise<File | undefined> {
  const fileId = await findEarlierSubject(pool, identity);
  if (fileId === undefined) return undefined;
  const row = await pool.one(sql.type(fileRow)`
    SELECT ${fileColumns} FROM file f WHERE f.namespace = ${identity.namespace} AND f.file_id = ${fileId}`);
  return toFile(row);
}
