import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { FigureRow } from "../figures/figure-row.ts";
import { readProcessUsage } from "../machine/process-usage.ts";
import { createRandom } from "../stage/seeded-random.ts";
import { JournalTrial } from "./journal-trial.ts";
import { startListingServer } from "./listing-server.ts";

/** How much is compared. */
export interface ReconcileRun {
  /** Rows, and about as many objects. */
  readonly rows: number;
  readonly seed: number;
}

const PLANTED = 100;
const KINDS = ["object-without-row", "row-without-object", "size-differs", "bytes-of-purged"] as const;
const FILLED_AT_ONCE = 50_000;

/** Measures the memory of `sluice reconcile` over many keys, and how many planted differences it finds. */
export async function measureReconcile(
  directory: string,
  { rows, seed }: ReconcileRun,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const trial = await JournalTrial.start(join(directory, "reconcile"), { files: 0 });
  const planted = plant(rows, seed);
  const server = await startListingServer({
    count: rows,
    objectAt: (number) =>
      planted.get(number) === "row-without-object"
        ? undefined
        : { key: keyOf(number), sizeBytes: planted.get(number) === "size-differs" ? 2 : 1 },
    numberOf: (key) => Number.parseInt(key.slice(1), 16),
  });
  try {
    await fill(trial, rows, planted);
    report(`filled ${rows} rows`);
    const begun = performance.now();
    const { found, peakRssBytes } = await runReconcile(trial.url, server.url);
    const seconds = Math.round((performance.now() - begun) / 1000);
    const right = [...planted].filter(([number, kind]) => found.get(keyOf(number)) === kind).length;
    return [
      {
        name: `reconcile of ${rows} rows and keys: memory`,
        measured: peakRssBytes / 2 ** 20,
        must: { atMost: 300 },
        unit: "MiB",
        note: `${seconds} s, ${server.pages} pages of S3's listing`,
      },
      {
        name: "reconcile: planted differences found",
        measured: right,
        must: { atLeast: planted.size },
        unit: "count",
        note: `of ${planted.size}; ${found.size - right} told that were not planted`,
      },
    ];
  } finally {
    await server.stop();
    await trial.stop();
  }
}

/** The keys that differ between S3 and the database, by the way in which they differ. Every way has the same number of keys. */
function plant(rows: number, seed: number): Map<number, (typeof KINDS)[number]> {
  const random = createRandom(seed);
  const planted = new Map<number, (typeof KINDS)[number]>();
  while (planted.size < Math.min(PLANTED, rows / 2)) {
    const number = Math.floor(random() * rows);
    planted.set(number, planted.get(number) ?? (KINDS[planted.size % KINDS.length] as (typeof KINDS)[number]));
  }
  return planted;
}

function keyOf(number: number): string {
  return `k${number.toString(16).padStart(8, "0")}`;
}

/** Superseded generations, because the indexes of what is listed hold none of them: filling those would take most of the time. */
async function fill(trial: JournalTrial, rows: number, planted: ReadonlyMap<number, string>): Promise<void> {
  const numbersOf = (kind: string) => [...planted].flatMap(([number, one]) => (one === kind ? [number] : []));
  for (let begin = 0; begin < rows; begin += FILLED_AT_ONCE) {
    await trial.query(
      `INSERT INTO file (file_id, namespace, path, generation, size_bytes, crc32, content_type, metadata, bucket, region, s3_key,
         s3_version_id, etag, principal, supersede_time, purge_time, purge_state)
       SELECT gen_random_uuid(), 'default', 'p', i + 1, 1, 0, 'text/plain', '{}', 'bench-bucket', 'eu-central-1',
         'k' || lpad(to_hex(i), 8, '0'), '', 'bench', 'bench:writer', now(), now(),
         CASE WHEN i = ANY ($3::integer[]) THEN 'purged' END
       FROM generate_series($1::integer, $2::integer) i WHERE i <> ALL ($4::integer[])`,
      [
        begin,
        Math.min(begin + FILLED_AT_ONCE, rows) - 1,
        numbersOf("bytes-of-purged"),
        numbersOf("object-without-row"),
      ],
    );
  }
  await trial.query("ANALYZE file");
}

/** Runs the command in a process of its own; resolves to the kinds by key, and the most memory that the process had. */
async function runReconcile(
  databaseUrl: string,
  s3Url: string,
): Promise<{ found: Map<string, string>; peakRssBytes: number }> {
  const entry = new URL("../../src/cli/main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [entry, "reconcile", "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env.PATH,
      SLUICE_DATABASE_URL: databaseUrl,
      SLUICE_S3_BUCKET: "bench-bucket",
      SLUICE_S3_REGION: "eu-central-1",
      SLUICE_S3_ENDPOINT: s3Url,
      SLUICE_AUTH: "dev",
      SLUICE_DEV_TOKEN: "bench-token",
      AWS_ACCESS_KEY_ID: "bench",
      AWS_SECRET_ACCESS_KEY: "bench",
    },
  });
  const ended = once(child, "exit");
  const found = new Map<string, string>();
  let peakRssBytes = 0;
  let isWhole = false;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const { difference, summary } = JSON.parse(line);
      if (difference !== undefined) found.set(difference.key, difference.kind);
      isWhole ||= summary !== undefined;
      if (child.pid !== undefined) peakRssBytes = Math.max(peakRssBytes, readPeak(child.pid));
    }
  } finally {
    child.kill();
    await ended;
  }
  if (!isWhole) throw new Error("sluice reconcile ended without its summary");
  return { found, peakRssBytes };
}

/** 0 when the process has ended just now. */
function readPeak(pid: number): number {
  try {
    return readProcessUsage(pid).peakRssBytes;
  } catch {
    return 0;
  }
}
