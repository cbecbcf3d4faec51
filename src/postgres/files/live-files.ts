import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { File } from "../../domain/files/file.ts";
import { fileNotFound } from "../../domain/repository-refusals.ts";
import { type GroupLimits, groupCalls } from "../pool/group-calls.ts";
import { type FilePlace, fileColumns, fileIsLive, fileRow, toFile } from "../rows/file-rows.ts";

/** How lookups are grouped on one pool. */
export const LOOKUP_LIMITS: GroupLimits = { statementsMax: 2, callsMax: 100 };

/** The live files at paths; lookups that come together are answered together. */
export class LiveFiles {
  readonly #finders = new WeakMap<CommonQueryMethods, (place: FilePlace) => Promise<File>>();

  /** Finds one live file by a statement on `pool`. Rejects with `not_found / FILE_NOT_FOUND`, or as the statement did. */
  get(pool: CommonQueryMethods, place: FilePlace): Promise<File> {
    let find = this.#finders.get(pool);
    if (find === undefined) {
      find = groupCalls((places) => selectLiveFiles(pool, places), LOOKUP_LIMITS);
      this.#finders.set(pool, find);
    }
    return find(place);
  }
}

const foundRow = fileRow.extend({ place: z.int() });
/** What follows the first row of a statement has its columns. */
const furtherRow = z.custom<z.infer<typeof foundRow>>();

/**
 * The file of each place, or the reason why it has none. The index of generations has no range of paths and no order of
 * them, so each place is found in the index of live files, however many generations its path has.
 */
async function selectLiveFiles(pool: CommonQueryMethods, places: readonly FilePlace[]): Promise<(File | Error)[]> {
  const namespaces = places.map(({ namespace }) => namespace);
  const paths = places.map(({ path }) => path);
  const rows = await pool.any(sql.prepared("get_live_files", furtherRow)`
    SELECT w.place::integer, ${fileColumns}
    FROM unnest(${sql.array(namespaces, "text")}, ${sql.array(paths, "text")}) WITH ORDINALITY AS w (namespace, path, place)
      CROSS JOIN LATERAL (
        SELECT f.* FROM file f WHERE f.namespace = w.namespace AND f.path BETWEEN w.path AND w.path AND ${fileIsLive}
        ORDER BY f.path LIMIT 1
      ) f`);
  if (rows[0] !== undefined) foundRow.parse(rows[0]);
  const found = new Map(rows.map((row) => [row.place - 1, row]));
  return paths.map((path, index) => {
    const row = found.get(index);
    return row === undefined ? fileNotFound(path) : toFile(row);
  });
}
