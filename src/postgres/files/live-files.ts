import DataLoader from "dataloader";
import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { File } from "../../domain/files/file.ts";
import { fileNotFound } from "../../domain/repository-refusals.ts";
import { type FilePlace, fileColumns, fileIsLive, fileRow, toFile } from "../rows/file-rows.ts";

/** Statements under way at a time, on one pool: because of the second one, a slow statement keeps nobody waiting. */
export const LOOKUP_STATEMENTS_MAX = 2;
/** Files that one statement looks up at most. */
export const LOOKUP_FILES_MAX = 100;

/**
 * The live files at paths, looked up together as commits are flushed together: a lookup that comes alone goes at once, and
 * lookups that come while statements are under way go with the next statement. Each statement begins after all of its
 * lookups were asked for, so that each sees what was committed by then.
 */
export class LiveFiles {
  readonly #loaders = new WeakMap<CommonQueryMethods, DataLoader<FilePlace, File>>();

  /** Finds one live file by a statement on `pool`. Rejects with `not_found / FILE_NOT_FOUND`, or as the statement did. */
  get(pool: CommonQueryMethods, place: FilePlace): Promise<File> {
    let loader = this.#loaders.get(pool);
    if (loader === undefined) {
      loader = createLoader(pool);
      this.#loaders.set(pool, loader);
    }
    return loader.load(place);
  }
}

function createLoader(pool: CommonQueryMethods): DataLoader<FilePlace, File> {
  const waiting: (() => void)[] = [];
  let underWay = 0;
  const beginNext = () => {
    if (underWay >= LOOKUP_STATEMENTS_MAX) return;
    const dispatch = waiting.shift();
    if (dispatch === undefined) return;
    underWay++;
    // This runs after all input that has arrived on other connections was handled.
    setImmediate(dispatch);
  };
  return new DataLoader(
    async (places: readonly FilePlace[]) => {
      try {
        return await selectLiveFiles(pool, places);
      } finally {
        underWay--;
        beginNext();
      }
    },
    {
      cache: false,
      maxBatchSize: LOOKUP_FILES_MAX,
      batchScheduleFn: (dispatch) => {
        waiting.push(dispatch);
        beginNext();
      },
    },
  );
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
