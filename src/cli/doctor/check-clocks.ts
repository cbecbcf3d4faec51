import type { Config } from "../../config/config.ts";
import { createDatabasePool, readDatabaseClock } from "../../postgres/pool/pool.ts";
import { StorageClock } from "../../s3/requests/storage-clock.ts";
import { type Finding, problem, well } from "./finding.ts";

/**
 * How far this host's clock may be from those of storage and the database, in milliseconds. The service signs by storage's clock
 * and uses the database's for expiry, so it also works beyond this. But times in logs and in tokens are then wrong by as much.
 */
const OFFSET_MAX_MS = 5000;
const ANSWER_TIMEOUT_MS = 5000;

/** Compares this host's clock with those of storage and the database. A clock that does not answer is left out. */
export async function checkClocks(config: Config): Promise<Finding[]> {
  const offsets = await Promise.all([readStorageOffset(config), readDatabaseOffset(config)]);
  const owners = ["storage", "the database"];
  return offsets.flatMap((offsetMs, index) =>
    offsetMs === undefined ? [] : [judgeClock(offsetMs, owners[index] as string)],
  );
}

/** What is to be said of a clock that is so many milliseconds ahead of this host's, or behind it when negative. */
export function judgeClock(offsetMs: number, owner: string): Finding {
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  if (Math.abs(offsetMs) <= OFFSET_MAX_MS) return well("clock", `${seconds} s off that of ${owner}`);
  const off = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  const message = `our clock is ${off} ${offsetMs < 0 ? "ahead of" : "behind"} that of ${owner}`;
  return problem("clock", message, "set the clock of this host, for instance by NTP");
}

/** How far storage's clock is ahead of ours in milliseconds, by the Date header of any answer. */
async function readStorageOffset({ s3 }: Config): Promise<number | undefined> {
  const clock = new StorageClock();
  const tell = clock.begin();
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const url = s3.endpoint ?? `https://s3.${s3.region}.amazonaws.com/`;
    const answer = await fetch(url, { method: "HEAD", redirect: "manual", signal, headers: { connection: "close" } });
    const date = answer.headers.get("date");
    if (date === null) return undefined;
    tell(date);
    return clock.offsetMs;
  } catch {
    return undefined; // the check of the bucket reports why storage cannot be reached
  }
}

async function readDatabaseOffset({ database }: Config): Promise<number | undefined> {
  const opening = createDatabasePool("doctor", { ...database, limits: { connectionsMax: 1 } });
  const pool = await opening.catch(() => undefined);
  if (pool === undefined) return undefined;
  try {
    // The first statement opens the connection, which may take long.
    await readDatabaseClock(pool);
    const askedMs = Date.now();
    const time = await readDatabaseClock(pool);
    return time.getTime() - (askedMs + Date.now()) / 2;
  } catch {
    return undefined; // the check of the database reports its problem
  } finally {
    await pool.end();
  }
}
