import { type BarState, renderBar } from "./progress-bar.ts";
import { printJson, type Terminal } from "./terminal.ts";

/** Least time between two drawings of a bar, and between two JSON lines, in milliseconds. */
const DRAW_INTERVAL_MS = 100;
const JSON_INTERVAL_MS = 500;

/** Shows the progress of a transfer: as a bar on a terminal, as JSON lines, or not at all. */
export interface ProgressDisplay {
  /** Takes the newest state; `event` is its JSON form. It is drawn at intervals, and always if it is `important`. */
  update(state: BarState, event: Readonly<Record<string, unknown>>, important?: boolean): void;
  /** Prints a line above the bar for somebody who watches it. Prints nothing when there is no bar. */
  note(line: string): void;
  /** Removes the bar, so that the next output begins on a clean line. */
  clear(): void;
}

/** A display for this terminal. `now` is in milliseconds and never decreases. */
export function createProgressDisplay(
  terminal: Terminal,
  options: { json: boolean; stdoutIsData?: boolean },
  now: () => number = () => performance.now(),
): ProgressDisplay {
  if (options.json) return createJsonDisplay(terminal, now);
  const watched = terminal.stderr.isTTY === true && (terminal.stdout.isTTY === true || options.stdoutIsData === true);
  return watched ? createBarDisplay(terminal.stderr, now) : { update: () => {}, note: () => {}, clear: () => {} };
}

function createJsonDisplay(terminal: Terminal, now: () => number): ProgressDisplay {
  let shownAt = Number.NEGATIVE_INFINITY;
  return {
    update(_state, event, important = false) {
      if (!important && now() - shownAt < JSON_INTERVAL_MS) return;
      shownAt = now();
      printJson(terminal, { type: "progress", ...event });
    },
    note: () => {},
    clear: () => {},
  };
}

function createBarDisplay(output: Terminal["stderr"], now: () => number): ProgressDisplay {
  let shownAt = Number.NEGATIVE_INFINITY;
  let shown = false;
  const clear = () => {
    if (shown) output.write("\r\u001b[K");
    shown = false;
  };
  return {
    clear,
    update(state, _event, important = false) {
      const { columns = 0 } = output;
      // Pseudo-terminals of CI and containers have no width: a bar that is drawn again and again would become a flood of
      // lines in a log.
      if (columns === 0 || (!important && now() - shownAt < DRAW_INTERVAL_MS)) return;
      shownAt = now();
      shown = true;
      output.write(`\r${renderBar(state, columns)}\u001b[K`);
    },
    note(line) {
      clear();
      output.write(`${line}\n`);
    },
  };
}
