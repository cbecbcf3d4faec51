import { describeMachine } from "../machine/describe-machine.ts";
import type { Contender, ContenderId, TlsSides } from "../stage/contender.ts";
import { checkFigures, cpuRatio, type Figure } from "./figures.ts";
import { markdownTable } from "./markdown-table.ts";
import { type Absence, type Measurement, type Spread, spreadOf } from "./measure.ts";

/** What a run of `npm run bench:upload` measures. */
export interface BenchOptions {
  /** Bytes of content in one measured upload. */
  readonly sizeBytes: number;
  /** Bytes of content that are sent before it and do not count. */
  readonly warmUpBytes: number;
  readonly rounds: number;
  /** Bytes of a client's message or write, for contenders that have no size of their own. */
  readonly chunkBytes: number;
  /** Contenders to run, or undefined for all. */
  readonly only: readonly string[] | undefined;
  readonly json: boolean;
  /** Whether to add the 5 GiB upload whose peak memory is a figure to reach. */
  readonly rss: boolean;
  /** Folder of another checkout. This checkout is then compared with it instead of with other contenders. */
  readonly against: string | undefined;
}

/** The results of a run. */
export interface BenchResult {
  readonly options: BenchOptions;
  readonly contenders: readonly Contender[];
  readonly rounds: readonly (readonly Measurement[])[];
  /** Why contenders were not measured, by id. */
  readonly absent: ReadonlyMap<string, Absence>;
  readonly rss: Measurement | undefined;
}

const FLOORS = { none: "floor", both: "floor-tls", "to-s3": "floor-tls-to-s3" } as const satisfies Record<
  TlsSides,
  ContenderId
>;

interface Row {
  readonly contender: Contender;
  readonly mibPerSecond: Spread;
  readonly cpuSecondsPerGib: Spread;
  readonly systemSecondsPerGib: Spread;
  readonly peakRssMib: Spread;
  readonly timesFloor: Spread | undefined;
}

/** The result as a document for programs: every single measurement, the summary and the figures. */
export function toJson(result: BenchResult): string {
  const { options, rounds, absent, rss } = result;
  const summary = rowsOf(result).map(({ contender, ...numbers }) => ({
    id: contender.id,
    title: contender.title,
    ...numbers,
  }));
  const figures = checkFigures(rounds, rss);
  return JSON.stringify(
    { machine: describeMachine(), options, summary, figures, absent: Object.fromEntries(absent), rounds, rss },
    null,
    2,
  );
}

/** The result as tables for people. */
export function toText(result: BenchResult): string {
  const { options, rounds, absent, rss } = result;
  const rows = rowsOf(result);
  const cells = rows.map(({ contender, ...row }) => [
    contender.title,
    showSpread(row.mibPerSecond, 0),
    showSpread(row.cpuSecondsPerGib, 2),
    row.systemSecondsPerGib.median.toFixed(2),
    row.peakRssMib.max.toFixed(0),
    row.timesFloor === undefined ? "" : showSpread(row.timesFloor, 2),
  ]);
  const content = `${options.sizeBytes / 1024 ** 3} GiB, ${options.rounds} round(s), one stream, one worker; median [min-max]`;
  return [
    `${describeMachine()}\n${content}\n`,
    ...(cells.length > 0
      ? [markdownTable(["contender", "MiB/s", "cpu-s/GiB", "of it kernel", "peak MiB", "x floor"], cells)]
      : []),
    ...rows.flatMap(({ contender }) => (contender.note === undefined ? [] : `  ${contender.title}: ${contender.note}`)),
    "  cpu-s/GiB and memory are the serving process's; TLS rows are multiples of the floor with TLS on the same sides",
    ...[...absent].map(([id, { reason, failed }]) => `  ${failed ? "failed" : "skipped"}: ${id}: ${reason}`),
    "",
    markdownTable(["figure", "measured", "must", "aim", ""], checkFigures(rounds, rss).map(showFigure)),
  ].join("\n");
}

function rowsOf({ contenders, rounds }: BenchResult): Row[] {
  return contenders.flatMap((contender) => {
    const runs = rounds.flat().filter(({ id }) => id === contender.id);
    if (runs.length === 0) return [];
    return {
      contender,
      mibPerSecond: spreadOf(runs.map((run) => run.mibPerSecond))!,
      cpuSecondsPerGib: spreadOf(runs.map((run) => run.cpuSecondsPerGib))!,
      systemSecondsPerGib: spreadOf(runs.map((run) => run.systemSecondsPerGib))!,
      peakRssMib: spreadOf(runs.map((run) => run.peakRssBytes / 1024 ** 2))!,
      timesFloor: cpuRatio(rounds, contender.id, FLOORS[contender.tls]),
    };
  });
}

function showFigure({ name, unit, measured, must, aim, verdict }: Figure): string[] {
  const show = (value: number) =>
    unit === "ratio" ? value.toFixed(2) : `${value.toFixed(unit === "s" ? 2 : 0)} ${unit}`;
  return [name, measured === undefined ? "-" : show(measured), `≤ ${show(must)}`, show(aim), verdict];
}

/** The median, and the range in brackets where there is one. */
export function showSpread({ median, min, max }: Spread, digits: number): string {
  const [middle, low, high] = [median, min, max].map((value) => value.toFixed(digits));
  return low === high ? middle! : `${middle} [${low}-${high}]`;
}
