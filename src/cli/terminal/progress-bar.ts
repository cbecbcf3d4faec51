import { formatBytes, formatDuration, formatRate } from "./human-units.ts";

/** The state that a bar shows. A download has no durable bytes. */
export interface BarState {
  label: string;
  receivedBytes: number;
  durableBytes?: number | undefined;
  totalBytes?: number | undefined;
  bytesPerSecond: number;
  etaMs?: number | undefined;
  /** Shown instead of the rate and the remaining time, for instance "verifying". */
  note?: string | undefined;
}

const BAR_CELLS_MAX = 30;
const BAR_CELLS_MIN = 5;

/**
 * One line for a progress bar of two heights: full cells are durable, half ones received. Libraries (cli-progress and others)
 * show one value; this bar needs two, and is short. The line is cut to `columns` cells; when it is narrow, the bar is left
 * out first.
 */
export function renderBar(state: BarState, columns: number): string {
  const { label, receivedBytes, durableBytes, totalBytes } = state;
  const amounts = [`received ${formatBytes(receivedBytes)}`];
  if (durableBytes !== undefined) amounts.push(`durable ${formatBytes(durableBytes)}`);
  const facts = [amounts.join(", ") + (totalBytes === undefined ? "" : ` of ${formatBytes(totalBytes)}`)];
  if (state.note !== undefined) facts.push(state.note);
  else {
    facts.push(formatRate(state.bytesPerSecond));
    if (state.etaMs !== undefined) facts.push(`ETA ${formatDuration(state.etaMs)}`);
  }
  const text = facts.join("  ");
  if (totalBytes === undefined) return cutTo(`${label}  ${text}`, columns);

  const fraction = (bytes: number) => (totalBytes === 0 ? 1 : Math.min(1, bytes / totalBytes));
  const percent = `${Math.floor(fraction(durableBytes ?? receivedBytes) * 100)} %`.padStart(5);
  const cells = Math.min(BAR_CELLS_MAX, columns - label.length - percent.length - text.length - 5);
  if (cells < BAR_CELLS_MIN) return cutTo(`${label} ${percent}  ${text}`, columns);
  const full = Math.floor(fraction(durableBytes ?? receivedBytes) * cells);
  const half = Math.max(full, Math.floor(fraction(receivedBytes) * cells));
  const bar = "█".repeat(full) + "▒".repeat(half - full) + "░".repeat(cells - half);
  return cutTo(`${label} ${bar}${percent}  ${text}`, columns);
}

function cutTo(line: string, columns: number): string {
  if (line.length < columns) return line;
  return columns < 2 ? "" : `${line.slice(0, columns - 2)}…`;
}
