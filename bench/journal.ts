// `npm run bench:journal` measures the journal: whether entries are lost or out of order under kills, how fast they are numbered, and what
// they cost.
import { parseArgs } from "node:util";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, runCommand } from "./command-line.ts";
import { describeMachine } from "./describe-machine.ts";
import { measureFeed } from "./journal/measure-feed.ts";
import { measureKills } from "./journal/measure-kills.ts";
import { measureLog } from "./journal/measure-log.ts";
import { measureLookups } from "./journal/measure-lookups.ts";
import { measurePositions } from "./journal/measure-positions.ts";
import { measureReads } from "./journal/measure-reads.ts";
import { measureReconcile } from "./journal/measure-reconcile.ts";
import { measureRelay } from "./journal/measure-relay.ts";
import { measureRelayKills } from "./journal/measure-relay-kills.ts";
import { measureUploads } from "./journal/measure-uploads.ts";
import { printFigures } from "./sessions/figure-row.ts";
import { setStage } from "./stage.ts";

const usage = `usage: npm run bench:journal -- [options]

  --changes N    changes that four processes make under kills (default 100000)
  --kills N      kills of a relay, a writer or the database meanwhile (default 60)
  --relay-kills N
                 kills of a relay alone, one soon after the other (default 1000)
  --entries N    entries that a read transaction stays open over (default 1000000)
  --rows N       rows that are reconciled with as many keys of S3 (default 1000000)
  --told N       changes that are told to watchers (default 6000)
  --calls N      reads, and changes, with and without their entries (default 4000)
  --uploads N    files of 1 KiB of each of twenty rounds (default 300)
  --tries N      changes that are read at a replica at once (default 10000)
  --lookups N    lookups of files (default 50000)
  --seed N       what is killed, and when, follows from it (default 1)
  --json         print one JSON document instead of the table
`;

/** Four checkpoints and more of entries, and as long without. */
const LOG_PACE = { busyMs: 40_000, idleMs: 15_000 };

await runCommand({ usage, parse, run });

async function run(options: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  const { stage, clear } = await setStage(1);
  clearOnSignal(clear);
  const report = (what: string) => process.stderr.write(`${what}\n`);
  try {
    const rows = [
      ...(await measureKills(stage.directory, options, report, (trial) => measureLog(trial, LOG_PACE, report))),
      ...(await measureRelayKills(stage.directory, options, report)),
      ...(await measureFeed(stage.directory, options, report)),
      ...(await measureRelay(stage.directory, options, report)),
      ...(await measureReads(stage.directory, options, report)),
      ...(await measureLookups(stage.directory, options, report)),
      ...(await measureUploads(stage, options, report)),
      ...(await measurePositions(options, report)),
      ...(await measureReconcile(stage.directory, options, report)),
    ];
    const machine = describeMachine();
    return printFigures(rows, {
      title: `${machine}; ${options.changes} changes, seed ${options.seed}`,
      facts: { machine, options },
      json: options.json,
    });
  } finally {
    await clear();
  }
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      changes: { type: "string", default: "100000" },
      kills: { type: "string", default: "60" },
      "relay-kills": { type: "string", default: "1000" },
      entries: { type: "string", default: "1000000" },
      calls: { type: "string", default: "4000" },
      uploads: { type: "string", default: "300" },
      tries: { type: "string", default: "10000" },
      lookups: { type: "string", default: "50000" },
      rows: { type: "string", default: "1000000" },
      told: { type: "string", default: "6000" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    changes: parseCount("changes", values.changes, [4, 10_000_000]),
    kills: parseCount("kills", values.kills, [0, 10_000]),
    relayKills: parseCount("relay-kills", values["relay-kills"], [0, 1_000_000]),
    calls: parseCount("calls", values.calls, [1, 10_000_000]),
    uploads: parseCount("uploads", values.uploads, [1, 1_000_000]),
    tries: parseCount("tries", values.tries, [1, 1_000_000]),
    lookups: parseCount("lookups", values.lookups, [100, 100_000_000]),
    entries: parseCount("entries", values.entries, [1, 100_000_000]),
    rows: parseCount("rows", values.rows, [400, 100_000_000]),
    told: parseCount("told", values.told, [1, 1_000_000]),
    seed: parseCount("seed", values.seed, [1, 2 ** 31]),
    json: values.json,
  };
}
