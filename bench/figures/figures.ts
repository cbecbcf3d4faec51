import type { ContenderId } from "../stage/contender.ts";
import { type Measurement, spreadOf } from "./measure.ts";

/** A target, what was measured for it, and whether that is good enough. */
export interface Figure {
  readonly name: string;
  readonly unit: "ratio" | "MiB" | "s";
  readonly measured: number | undefined;
  readonly must: number;
  readonly aim: number;
  readonly verdict: "met" | "missed" | "not measured";
}

/** Sluice's default memory budget (`SLUICE_MEMORY_BUDGET_BYTES`), in MiB. */
const budgetMib = 512;

/**
 * Checks the measurements against the figures that Sluice must reach, in the order in which they are printed. A figure whose
 * contenders did not run is not measured.
 */
export function checkFigures(rounds: readonly (readonly Measurement[])[], rss?: Measurement): Figure[] {
  const ratio = (name: string, [of, to]: [ContenderId, ContenderId], { must, aim }: { must: number; aim: number }) =>
    judge({ name, unit: "ratio", must, aim, measured: cpuRatio(rounds, of, to)?.median });
  const ready = rounds.flat().flatMap(({ readySeconds }) => readySeconds ?? []);
  return [
    ratio("Sluice ÷ floor, CPU per GiB, CRC32 computed by the service", ["sluice", "floor"], { must: 1.4, aim: 1.1 }),
    ratio("the same, CRC32 per chunk from the caller", ["sluice-crc", "floor"], { must: 1.2, aim: 1.1 }),
    ratio("the same, TLS 1.3 in and out", ["sluice-crc-tls", "floor-tls"], { must: 1.25, aim: 1.1 }),
    ratio("the same, TLS 1.3 to S3 alone", ["sluice-crc-tls-to-s3", "floor-tls-to-s3"], { must: 1.2, aim: 1.0 }),
    ratio("Sluice ÷ tusd, CRC32 per chunk from the caller", ["sluice-crc", "tusd"], { must: 0.7, aim: 0.45 }),
    ratio("the same, tusd's content hashes off", ["sluice-crc", "tusd-unhashed"], { must: 1.25, aim: 1.0 }),
    ratio("the same, TLS 1.3 in and out", ["sluice-crc-tls", "tusd-unhashed-tls"], { must: 1.0, aim: 0.8 }),
    ratio("PUT over HTTP/1.1 ÷ WriteUpload, CRC32 by the service", ["sluice-put", "sluice"], { must: 1.0, aim: 0.7 }),
    judge({
      name: `peak RSS at a 5 GiB upload, default budget of ${budgetMib} MiB`,
      unit: "MiB",
      must: budgetMib + 150,
      aim: 300,
      measured: rss && rss.peakRssBytes / 1024 ** 2,
    }),
    judge({
      name: "serve until ready, database up",
      unit: "s",
      must: 1.5,
      aim: 0.7,
      measured: spreadOf(ready)?.median,
    }),
  ];
}

/**
 * CPU per GiB of one contender as a multiple of another's. Each round gives one ratio, so a drift of the machine's speed
 * during the run affects both sides of it.
 */
export function cpuRatio<Id extends string>(
  rounds: readonly (readonly { readonly id: Id; readonly cpuSecondsPerGib: number }[])[],
  of: Id,
  to: Id,
) {
  const ratios = rounds.flatMap((round) => {
    const [own, base] = [of, to].map((id) => round.find((measurement) => measurement.id === id));
    return own === undefined || base === undefined ? [] : own.cpuSecondsPerGib / base.cpuSecondsPerGib;
  });
  return spreadOf(ratios);
}

function judge(figure: Omit<Figure, "verdict">): Figure {
  const { measured, must } = figure;
  return { ...figure, verdict: measured === undefined ? "not measured" : measured <= must ? "met" : "missed" };
}
