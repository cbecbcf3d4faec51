import type { FigureRow } from "../figures/figure-row.ts";
import type { Stage } from "../stage/contender.ts";

/** The place in which a scenario runs. */
export interface ScenarioPlace {
  readonly stage: Stage;
  /** Sizes and counts are multiplied by this: 1 for the figures, less for a short run. */
  readonly scale: number;
}

/** One experiment that yields some of the figures. */
export interface Scenario {
  readonly id: string;
  measure(place: ScenarioPlace): Promise<FigureRow[]>;
}

/** This many MiB at this scale, in bytes. The result is a whole number of MiB, and at least one. */
export function scaledBytes(sizeMib: number, scale: number): number {
  return Math.max(1, Math.round(sizeMib * scale)) * mib;
}

/** Bytes of a MiB. */
export const mib = 2 ** 20;

/**
 * Memory that all of the service's processes together may have, in MiB: the default memory budget, and 200 MiB for everything
 * else.
 */
export const memoryMustMib = 512 + 200;
