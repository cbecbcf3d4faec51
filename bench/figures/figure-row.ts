import { describeMachine } from "../machine/describe-machine.ts";
import { markdownTable } from "./markdown-table.ts";

/** A figure to reach and the measured value. */
export interface FigureRow {
  readonly name: string;
  /** Undefined when it was not measured. */
  readonly measured: number | undefined;
  /** The bound, and the better value that is aimed at. */
  readonly must: Bound;
  readonly aim?: Bound;
  readonly unit: "ratio" | "MiB" | "count" | "ms";
  /** The facts behind the number, in a few words. */
  readonly note?: string;
}

/** The value must be at most, or at least, this number. */
export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** True if the figure keeps its bound. */
export function judge({ measured, must }: FigureRow): "met" | "missed" | "not measured" {
  if (measured === undefined) return "not measured";
  return ("atMost" in must ? measured <= must.atMost : measured >= must.atLeast) ? "met" : "missed";
}

/** The rows as a table for people, with the notes below it. */
export function showFigures(rows: readonly FigureRow[]): string {
  const cells = rows.map((row) => {
    const show = (value: number) => showValue(value, row.unit);
    const bound = (one: Bound | undefined) =>
      one === undefined ? "" : "atMost" in one ? `≤ ${show(one.atMost)}` : `≥ ${show(one.atLeast)}`;
    return [
      row.name,
      row.measured === undefined ? "-" : show(row.measured),
      bound(row.must),
      bound(row.aim),
      judge(row),
    ];
  });
  const notes = rows.flatMap(({ name, note }) => (note === undefined ? [] : `- ${name}: ${note}`));
  return [markdownTable(["figure", "measured", "must", "aim", ""], cells), "", ...notes].join("\n");
}

/**
 * Prints the rows as a table below the machine and `title`, or as one JSON document with the machine and `facts`; returns the exit code,
 * 1 unless all are met.
 */
export function printFigures(
  rows: readonly FigureRow[],
  { title, facts, json }: { title: string; facts: object; json: boolean },
): number {
  const machine = describeMachine();
  if (json) process.stdout.write(`${JSON.stringify({ machine, ...facts, rows }, null, 2)}\n`);
  else process.stdout.write(`${machine}; ${title}\n\n${showFigures(rows)}\n`);
  return rows.some((row) => judge(row) !== "met") ? 1 : 0;
}

function showValue(value: number, unit: FigureRow["unit"]): string {
  if (unit === "ratio") return value.toFixed(2);
  if (unit === "ms") return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  return unit === "MiB" ? `${value.toFixed(0)} MiB` : String(value);
}
