import { InvalidArgumentError } from "commander";

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The value of an option that is a time with its unit, such as "12h", in milliseconds. */
export function parseLifetime(text: string): number {
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError("Give a time with its unit: 90s, 30m, 12h or 7d.");
  return Number(count) * (UNITS_MS[unit] as number);
}
