import { Agent } from "node:http";
import { Client } from "pg";
import type { FigureRow } from "../figures/figure-row.ts";
import type { Stage } from "../stage/contender.ts";
import { putFiles } from "../stage/put-files.ts";
import { type SluiceService, startSluice } from "../stage/sluice-service.ts";
import { takeEntriesAway } from "./journal-trial.ts";

/** How many files are uploaded to each service in a round. */
export interface UploadsRun {
  readonly uploads: number;
}

const ROUNDS = 10;
const CALLERS = 16;

/**
 * Measures how many files of 1 KiB a service takes a second, with the journal beside without. Two services, each with one worker and a
 * database of its own, take turns; the first round of each does not count.
 */
export async function measureUploads(
  stage: Stage,
  { uploads }: UploadsRun,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const services: SluiceService[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  try {
    const urls = await makeDatabases(await stage.databaseUrl());
    for (const url of urls) services.push(await startSluice({ ...stage, databaseUrl: async () => url }));
    await takeEntriesAway(urls[1]);
    const rates: number[][] = [[], []];
    for (let round = 0; round <= ROUNDS; round++) {
      for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const rate = await uploadAll((services[which] as SluiceService).url, agent, { round, uploads });
        if (round > 0) rates[which]?.push(rate);
      }
    }
    const [withJournal, without] = rates.map(median) as [number, number];
    const ratios = (rates[0] ?? []).map((rate, round) => rate / (rates[1]?.[round] ?? rate));
    report(`uploads of 1 KiB: ${withJournal.toFixed(0)}/s, without the journal ${without.toFixed(0)}/s`);
    return [
      {
        name: "uploads of 1 KiB a second, with ÷ without the journal",
        measured: median(ratios),
        unit: "ratio",
        must: { atLeast: 0.85 },
        aim: { atLeast: 0.95 },
        note: `${withJournal.toFixed(0)} ÷ ${without.toFixed(0)} a second by ${CALLERS} callers; the median of ${ROUNDS} rounds of each in turn`,
      },
    ];
  } finally {
    agent.destroy();
    for (const { process } of services) await process.stop();
  }
}

async function makeDatabases(serverUrl: string): Promise<[string, string]> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  const names = ["with_journal", "without_journal"] as const;
  for (const name of names) await client.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  await client.end();
  const toUrl = (name: string) => Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  return [toUrl(names[0]), toUrl(names[1])];
}

/** Files a second. */
async function uploadAll(
  url: string,
  agent: Agent,
  { round, uploads }: { round: number; uploads: number },
): Promise<number> {
  const begun = performance.now();
  await putFiles(url, { folder: String(round), files: uploads, agent });
  return (1000 * uploads) / (performance.now() - begun);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
