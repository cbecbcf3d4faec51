import { sql } from "slonik";

/**
 * One row: `first`, the number from which on all entries are kept, and `last`, the last one that was given. A statement that reads entries
 * selects it as well: others may have been dropped since an earlier statement told the bounds.
 */
export const keptEntries = sql.fragment`
  SELECT l.last_sequence AS last,
    greatest(coalesce((SELECT min(n.sequence) FROM journal_number n), l.last_sequence + 1),
      (SELECT max(d.last_sequence) + 1 FROM journal_dropped d)) AS first
  FROM (SELECT k.last_sequence FROM journal_look k ORDER BY k.look DESC LIMIT 1) l`;
