import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { CommitMarks } from "../../domain/commit-marks.ts";
import { atBorder } from "../pool/errors.ts";

const markRow = z.object({ mark: z.int() });

/**
 * CommitMarks in PostgreSQL. A mark is drawn from a sequence and inserted. Whoever draws a greater one draws it after this one, and so
 * after everything that is committed before this one: a replica that shows the greater mark shows all of that, even while this mark is
 * missing there. The commit does not wait for the disk: a mark that a crash loses is one that no replica will show, and the primary
 * answers in its place.
 */
export function createCommitMarks(pool: CommonQueryMethods): CommitMarks {
  return atBorder<CommitMarks>({
    async draw() {
      const mark = await pool.oneFirst(sql.prepared("draw_mark", markRow)`
        WITH fast AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
        INSERT INTO journal_mark (mark) SELECT nextval('journal_mark_number') FROM fast RETURNING mark`);
      return BigInt(mark);
    },
    async forget({ limit }) {
      await pool.query(sql.unsafe`
        DELETE FROM journal_mark WHERE mark IN (
          SELECT m.mark FROM journal_mark m WHERE m.mark < (SELECT max(mark) FROM journal_mark)
          ORDER BY m.mark LIMIT ${limit}
        )`);
    },
  });
}
