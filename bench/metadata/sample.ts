import type { Client } from "pg";
import { createRandom } from "../stage/seeded-random.ts";
import { fileRows, TEAMS, WORDS } from "./file-rows.ts";

/** The values that calls are made of: paths of live files, and random numbers. Both follow from one seed. */
export interface Sample {
  /** Paths of live files, drawn at random; one seed gives the same paths. */
  paths(count: number): Promise<string[]>;
  /** A number from 0 to below 1. */
  random(): number;
}

/** Creates a sample that follows from the seed. */
export function createSample(client: Client, { rows, seed }: { rows: number; seed: number }): Sample {
  const random = createRandom(seed);
  return {
    random,
    async paths(count) {
      await client.query("SELECT setseed($1)", [random()]);
      // The draw asks for a few rows more than wanted, because some are not live and some are drawn twice.
      const text = `${fileRows.selectRandom("DISTINCT f.path")} WHERE ${fileRows.isLive} LIMIT ${count}`;
      const found = await client.query<{ path: string }>(text, [0, rows, Math.ceil(count * 1.3) + 20]);
      return found.rows.map(({ path }) => path);
    },
  };
}

/** A filter by label, size and time. It matches from half of a team's files down to a handful. */
export function drawFilter({ random }: Sample): string {
  const team = Math.floor(random() * TEAMS);
  const sizeBytes = Math.round(10 ** (3 + 5 * random()));
  const day = new Date(Date.UTC(2024, 10, 1) + random() * 700 * 86_400_000).toISOString();
  return `labels.team = "team-${String(team).padStart(2, "0")}" AND size_bytes > ${sizeBytes} AND create_time > "${day}"`;
}

/** One to three words, which are as common as they are in names. */
export function drawWords({ random }: Sample): string {
  const words = Array.from(
    { length: 1 + Math.floor(random() * 3) },
    () => WORDS[Math.floor(WORDS.length * random() ** 2)]!,
  );
  return words.join(" ");
}
