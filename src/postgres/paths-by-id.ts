import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { atBorder } from "./pool/errors.ts";

const pathRow = z.object({ path: z.string() });
const uploadPathRow = z.object({ path: z.string(), upload_token_id: z.string().nullable() });

/** Looks up at which path an upload or a link of a namespace is, for those whose rights depend on the path. */
export function createPathsById(pool: DatabasePool) {
  return atBorder({
    ofUpload: async (namespace: string, uploadId: string) => {
      const row = await pool.maybeOne(sql.type(uploadPathRow)`
        SELECT path, upload_token_id FROM upload WHERE upload_id = ${uploadId}::uuid AND namespace = ${namespace}`);
      return row === null ? undefined : { path: row.path, uploadTokenId: row.upload_token_id ?? undefined };
    },
    ofLink: async (namespace: string, linkId: string): Promise<string | undefined> => {
      const path = await pool.maybeOneFirst(
        sql.type(pathRow)`SELECT path FROM link WHERE link_id = ${linkId}::uuid AND namespace = ${namespace}`,
      );
      return path ?? undefined;
    },
  });
}
