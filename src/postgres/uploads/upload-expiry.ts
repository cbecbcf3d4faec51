import { sql } from "slonik";
import { toInterval } from "../pool/sql-values.ts";

/**
 * The expiry is moved only when it gains more than this share of the upload's life (an hour of a day), or reaches its cap:
 * the column is indexed, and a write that changes no indexed column costs a fraction of one that does.
 */
const EXPIRY_STEP = 1 / 24;

/** The expiry of `upload u` after a write at this moment. */
export function slideExpiry(expireAfterMs: number) {
  const next = sql.fragment`LEAST(now() + ${toInterval(expireAfterMs)}, u.expire_cap_time)`;
  const gain = sql.fragment`${next} - u.expire_time`;
  return sql.fragment`CASE
    WHEN ${gain} > ${toInterval(expireAfterMs * EXPIRY_STEP)} THEN ${next}
    WHEN ${gain} > interval '0' AND ${next} = u.expire_cap_time THEN ${next}
    ELSE u.expire_time END`;
}
