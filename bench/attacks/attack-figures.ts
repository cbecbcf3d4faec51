import { markdownTable } from "../figures/markdown-table.ts";
import { quantile } from "../metadata/call-load.ts";
import type { AttackOutcome, AttackResult, Handles } from "./run-attacks.ts";

/** The bounds that every attack must keep, for the others and for the service. */
export const attackMusts = {
  /** Calls of the others under the attack, divided by their calls beside the same attack on an inert listener. */
  othersAtLeast: 0.5,
  livezP99MsAtMost: 1000,
  /** Memory of a worker beyond what it had before the attack. */
  peakMibAtMost: 150,
  keptMibAtMost: 50,
} as const;

/** The figures of an attack, and one word for each figure that misses its bound. */
export interface AttackFigures {
  readonly id: string;
  readonly others: number;
  readonly livezP99Ms: number;
  readonly peakMib: number;
  readonly keptMib: number;
  readonly missed: readonly ("others" | "livez" | "peak" | "kept")[];
}

/**
 * Computes the figures of one attack. Calls of the others that never came back have no time; a `/livez` without an answer
 * counts as endless.
 */
export function toFigures(outcome: AttackOutcome): AttackFigures {
  const mib = 2 ** 20;
  const others = outcome.callsBeside === 0 ? 0 : outcome.calls / outcome.callsBeside;
  const livezP99Ms = quantile(outcome.livezMs, 0.99) ?? Number.POSITIVE_INFINITY;
  const [peakMib, keptMib] = [outcome.peakBytes / mib, outcome.keptBytes / mib];
  const missed = [
    others < attackMusts.othersAtLeast && ("others" as const),
    livezP99Ms > attackMusts.livezP99MsAtMost && ("livez" as const),
    peakMib > attackMusts.peakMibAtMost && ("peak" as const),
    keptMib > attackMusts.keptMibAtMost && ("kept" as const),
  ].filter((one) => one !== false);
  return { id: outcome.attack.id, others, livezP99Ms, peakMib, keptMib, missed };
}

/** Finds the handles that are open after the quiet time and were not open after the start: `2 TCPSocketWrap`. */
export function findNewHandles({ before, after }: { before: Handles; after: Handles }): string[] {
  return Object.entries(after).flatMap(([kind, count]) => {
    const more = count - (before[kind] ?? 0);
    return more > 0 ? [`${more} ${kind}`] : [];
  });
}

/** The result as a table for people. */
export function showAttacks({ outcomes, handles }: AttackResult): string {
  const { othersAtLeast, livezP99MsAtMost, peakMibAtMost, keptMibAtMost } = attackMusts;
  const head = [
    "attack",
    `others ≥ ${othersAtLeast}`,
    `/livez p99 ≤ ${livezP99MsAtMost} ms`,
    `memory over before ≤ ${peakMibAtMost} MiB`,
    `later ≤ ${keptMibAtMost} MiB`,
    "",
  ];
  const cells = outcomes.map((outcome) => {
    const { others, livezP99Ms, peakMib, keptMib, missed } = toFigures(outcome);
    const verdict = missed.length === 0 ? "met" : `missed: ${missed.join(", ")}`;
    return [
      outcome.attack.title,
      others.toFixed(2),
      livezP99Ms.toFixed(0),
      peakMib.toFixed(0),
      keptMib.toFixed(0),
      verdict,
    ];
  });
  const more = handles && findNewHandles(handles);
  const notes =
    more === undefined ? [] : [`- handles over those after the start, without a caller: ${more.join(", ") || "none"}`];
  return [markdownTable(head, cells), "", ...notes].join("\n");
}
