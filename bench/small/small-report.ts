import type { FigureRow } from "../figures/figure-row.ts";
import { markdownTable } from "../figures/markdown-table.ts";
import { spreadOf } from "../figures/measure.ts";
import { showSpread } from "../figures/report.ts";
import type { SmallMeasurement } from "./measure-small.ts";
import type { SmallContender } from "./small-contender.ts";

/** At so many uploads at once the figures are asked for. */
const FIGURES_AT = 50;

/** The medians of the rounds as a table, a row for each contender and number at once. */
export function showSmall(contenders: readonly SmallContender[], rounds: readonly SmallMeasurement[]): string {
  const rows = contenders.flatMap(({ id, title }) => {
    const own = rounds.filter((one) => one.id === id);
    return [...new Set(own.map(({ atOnce }) => atOnce))].map((atOnce) => {
      const runs = own.filter((one) => one.atOnce === atOnce);
      const show = (key: Exclude<keyof SmallMeasurement, "id">, digits: number) => {
        const values = runs.flatMap((one) => one[key] ?? []);
        return medianOf(values)?.toFixed(digits) ?? "";
      };
      const cpu = spreadOf(runs.map(({ cpuMs }) => cpuMs));
      const cpuCell = cpu && showSpread(cpu, 2);
      return [
        ...[title, String(atOnce), show("perSecond", 0), show("p50Ms", 1), show("p99Ms", 1), cpuCell ?? ""],
        ...[show("systemMs", 2), show("transactions", 1), show("walBytes", 0)],
      ];
    });
  });
  const head = [
    "contender",
    "at once",
    "a second",
    "p50 ms",
    "p99 ms",
    "CPU ms each",
    "of it kernel",
    "transactions",
    "log bytes",
  ];
  return markdownTable(head, rows);
}

/** What small uploads must cost; ratios are taken round by round. */
export function toSmallFigures(rounds: readonly SmallMeasurement[]): FigureRow[] {
  const of = (id: string) => rounds.filter((one) => one.id === id && one.atOnce === FIGURES_AT);
  const own = of("sluice");
  const tusd = of("tusd");
  const ratios = own.flatMap(({ cpuMs }, round) => (tusd[round] === undefined ? [] : cpuMs / tusd[round].cpuMs));
  const median = (key: "perSecond" | "p99Ms" | "cpuMs" | "transactions") =>
    medianOf(own.flatMap((one) => one[key] ?? []));
  const at = `${FIGURES_AT} at once`;
  return [
    {
      name: `CPU of the service for a WriteUpload of 1 KiB, ${at}`,
      unit: "ms",
      measured: median("cpuMs"),
      must: { atMost: 1.5 },
      aim: { atMost: 0.7 },
    },
    { name: "the same ÷ tusd's", unit: "ratio", measured: medianOf(ratios), must: { atMost: 1 }, aim: { atMost: 0.5 } },
    {
      name: "transactions each",
      unit: "ratio",
      measured: median("transactions"),
      must: { atMost: 2 },
      aim: { atMost: 1 },
    },
    {
      name: `uploads a second, ${at}`,
      unit: "ratio",
      measured: median("perSecond"),
      must: { atLeast: 500 },
      aim: { atLeast: 1000 },
    },
    { name: `p99, ${at}`, unit: "ms", measured: median("p99Ms"), must: { atMost: 200 }, aim: { atMost: 100 } },
  ];
}

function medianOf(values: readonly number[]): number | undefined {
  return spreadOf(values)?.median;
}
