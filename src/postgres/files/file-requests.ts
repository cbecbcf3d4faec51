import { type CommonQueryMethods, sql } from "slonik";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import { toBytea } from "../pool/sql-values.ts";
import { fileColumns, fileRow, toFile } from "../rows/file-rows.ts";
import { findEarlierSubject } from "../rows/request-rows.ts";

/** The head of a statement that notes the command for the file of a CTE; the caller adds FROM. */
export function insertFileRequest(identity: CommandIdentity) {
  return sql.fragment`
    INSERT INTO request (principal, method, request_id, content_sha256, subject_id)
    SELECT ${identity.principal}, ${identity.method}, ${identity.requestId}::uuid, ${toBytea(identity.contentSha256)}, file_id`;
}

/** The file that the same command changed before, as the file is now. */
export async function findEarlierFile(pool: CommonQueryMethods, identity: CommandIdentity): Promise<File | undefined> {
  const fileId = await findEarlierSubject(pool, identity);
  if (fileId === undefined) return undefined;
  return toFile(await pool.one(sql.type(fileRow)`SELECT ${fileColumns} FROM file f WHERE f.file_id = ${fileId}`));
}
