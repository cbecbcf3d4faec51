import { formatBytes } from "../../src/cli/terminal/human-units.ts";
import { markdownTable } from "../figures/markdown-table.ts";
import { REPLICA } from "./aws-offers.ts";
import type { MeasuredCosts } from "./measured-costs.ts";
import { type Demand, type Sizing, sizeDeployment } from "./size-deployment.ts";

const MIB = 2 ** 20;

/** From 10,000 operations a day to a million uploads an hour and 100 PB. */
export const LADDER: readonly { readonly name: string; readonly demand: Demand }[] = [
  {
    name: "10,000 operations a day",
    demand: { uploadsPerHour: 91, meanBytes: 4 * MIB, readsPerUpload: 10, keptDays: 365 },
  },
  {
    name: "10,000 uploads an hour",
    demand: { uploadsPerHour: 10_000, meanBytes: 4 * MIB, readsPerUpload: 10, keptDays: 365 },
  },
  {
    name: "100,000 uploads an hour",
    demand: { uploadsPerHour: 100_000, meanBytes: 4 * MIB, readsPerUpload: 10, keptDays: 365 },
  },
  {
    name: "1,000,000 uploads an hour",
    demand: { uploadsPerHour: 1_000_000, meanBytes: 4 * MIB, readsPerUpload: 10, keptDays: 365 },
  },
  {
    name: "the same, up to 100 PB",
    demand: { uploadsPerHour: 1_000_000, meanBytes: 4 * MIB, readsPerUpload: 10, keptDays: 2685 },
  },
];

/** The steps of the ladder as a table, a column each. */
export function showLadder(costs: MeasuredCosts): string {
  const sizings = LADDER.map(({ demand }) => sizeDeployment(demand, costs));
  const columns = sizings.map((sizing) => toLines(sizing).map(([, value]) => value));
  const names = toLines(sizings[0] as Sizing).map(([name]) => name);
  return markdownTable(
    ["", ...LADDER.map(({ name }) => name)],
    names.map((name, line) => [name, ...columns.map((column) => column[line] ?? "")]),
  );
}

/** One deployment in full, with all limits that it comes near to. */
export function showSizing(demand: Demand, sizing: Sizing, costs: MeasuredCosts): string {
  const { uploadsPerHour, meanBytes, readsPerUpload, keptDays } = demand;
  return [
    `${toCount(uploadsPerHour)} uploads of ${formatBytes(meanBytes)} in the busiest hour, ${readsPerUpload} other calls for each, kept ${keptDays} days`,
    "",
    markdownTable(["what", "how much"], toLines(sizing)),
    "",
    markdownTable(
      ["limit of one primary and one prefix", "used", "what then"],
      sizing.uses.map(({ name, share, remedy }) => [name, toShare(share), remedy]),
    ),
    "",
    `reckoned with ${costs.serviceCpuMsPerUpload.toFixed(1)} ms of CPU an upload, ${costs.serviceCpuMsPerRead.toFixed(2)} ms another call, and ${costs.serviceCpuSecondsPerGib.toFixed(1)} s a GiB`,
  ].join("\n");
}

function toLines(sizing: Sizing): [string, string][] {
  const { databases, database, usdPerMonth, uses } = sizing;
  const first = uses[0] as Sizing["uses"][number];
  return [
    ["uploads a second, at the busiest", toDigits(sizing.uploadsPerSecond)],
    ["bytes a second", formatBytes(sizing.bytesPerSecond)],
    [`replicas of ${REPLICA.cpus} vCPU and ${REPLICA.memoryGib} GiB`, toCount(sizing.replicas)],
    ["database, with a standby", databases === 1 ? database.name : `${databases} x ${database.name}`],
    ["connections to it", toCount(sizing.connections)],
    ["its size in the end", formatBytes(sizing.databaseBytes)],
    ["its log a second", formatBytes(sizing.walBytesPerSecond)],
    ["files in the end", toCount(sizing.files)],
    ["stored in the end", formatBytes(sizing.storedBytes)],
    ["writes to S3 a second", toDigits(sizing.writesPerSecond)],
    ["service, USD a month", toUsd(usdPerMonth.service)],
    ["database, USD a month", toUsd(usdPerMonth.database)],
    ["storage in the end, USD a month", toUsd(usdPerMonth.storage)],
    ["requests to S3, USD a month", toUsd(usdPerMonth.requests)],
    ["fullest limit", `${first.name}, ${toShare(first.share)}`],
  ];
}

function toCount(count: number): string {
  return count < 1e6 ? Math.round(count).toLocaleString("en") : `${toDigits(count / 1e6)} million`;
}

/** Two digits or more: the model knows no more. */
function toDigits(value: number): string {
  return value >= 10 ? Math.round(value).toLocaleString("en") : value.toPrecision(2);
}

function toUsd(usd: number): string {
  return Number(usd.toPrecision(2)).toLocaleString("en");
}

function toShare(share: number): string {
  return `${toDigits(100 * share)} %`;
}
