import type { Stage } from "../contender.ts";
import type { FigureRow } from "./figure-row.ts";

/** What a scenario works with. */
export interface ScenarioPlace {
  readonly stage: Stage;
  /** Sizes and counts are multiplied by it: 1 for the figures, less for a quick look. */
  readonly scale: number;
}

/** One experiment that yields some of the figures. */
export interface Scenario {
  readonly id: string;
  measure(place: ScenarioPlace): Promise<FigureRow[]>;
}

/** So many MiB at this scale, in bytes; whole MiB, and at least one. */
export function scaledBytes(sizeMib: number, scale: number): number {
  return Math.max(1, Math.round(sizeMib * scale)) * mib;
}

/** Bytes of a MiB. */
export const mib = 2 ** 20;

/** Memory that the service may have, all its processes together: its default budget and what the issue of it allows beyond. */
export const memoryMustMib = 512 + 200;
