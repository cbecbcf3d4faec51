import { parseArgs } from "node:util";
import { parseNames, parseNumber } from "./command-line.ts";

/** The options of `npm run bench:upload`. */
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

/** The usage, which is shown for `--help` and after a wrong argument. */
export const usage = `usage: npm run bench:upload -- [options]

  --gib N         size of one measured upload in GiB (default 1; fractions allowed)
  --rounds N      rounds over all contenders, whose median counts (default 3; with --against 7)
  --only a,b      run these contenders alone
  --chunk-kib N   bytes of a message of the raw clients in KiB, at most 2048 (default 1024)
  --warm-up-mib N content sent first, uncounted, in MiB (default 1024)
  --rss           also upload 5 GiB through Sluice and check its peak memory (with --rounds 0: nothing else)
  --against DIR   compare another checkout of the project with this one: CPU time of the contenders that are Sluice
  --json          print one JSON document instead of the table; progress goes to the standard error stream
`;

/**
 * Parses `args`, where `ids` are the contenders' ids. Throws an Error whose message says what is wrong and what would be right.
 */
export function parseOptions(args: string[], ids: readonly string[]): BenchOptions | "help" {
  const { values } = parseArgs({
    args,
    options: {
      gib: { type: "string", default: "1" },
      rounds: { type: "string" },
      against: { type: "string" },
      only: { type: "string" },
      "chunk-kib": { type: "string", default: "1024" },
      "warm-up-mib": { type: "string", default: "1024" },
      rss: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { against } = values;
  if (against !== undefined && values.rss)
    throw new Error("--rss measures this checkout alone; leave it out with --against");
  const rounds = values.rounds ?? (against === undefined ? "3" : "7");
  const mib = 1024 ** 2;
  return {
    sizeBytes: Math.round(parseNumber("gib", values.gib, [0.01, 1024]) * 1024) * mib,
    warmUpBytes: Math.round(parseNumber("warm-up-mib", values["warm-up-mib"], [0, 1024])) * mib,
    rounds: Math.round(parseNumber("rounds", rounds, [against === undefined ? 0 : 1, 100])),
    chunkBytes: Math.round(parseNumber("chunk-kib", values["chunk-kib"], [1, 2048])) * 1024,
    only: parseNames("only", values.only, ids),
    rss: values.rss,
    against,
    json: values.json,
  };
}
