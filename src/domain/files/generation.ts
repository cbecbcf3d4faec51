import { invalidArgument } from "../errors.ts";

/** A generation as a caller named it: 1 or more, because the first commit to a path makes generation 1. */
export function parseGeneration(generation: number, field = "generation"): number {
  if (generation >= 1) return generation;
  throw invalidArgument(field, `${field} is ${generation}; generations count from 1`, {
    details: { [field]: generation },
  });
}

/** The generation that a caller expects to be live at a path: 0 where no file is to be there. */
export function parseLiveGeneration(generation: number, field: string): number {
  if (generation >= 0) return generation;
  throw invalidArgument(field, `${field} is ${generation}; give a generation, or 0 where no file is to be there`, {
    details: { [field]: generation },
  });
}
