// `npm run bench:journal` measures the journal: whether entries are lost or out of order under kills, how fast they are numbered, and what
// they cost.
import { count, report, runCommand, type Values } from "./command-line.ts";
import { printFigures } from "./figures/figure-row.ts";
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
import type { Stage } from "./stage/contender.ts";
import { onStage } from "./stage/stage.ts";

const options = {
  changes: count("changes that four processes make under kills", 100_000, [4, 10_000_000]),
  kills: count("kills of a relay, a writer or the database meanwhile", 60, [0, 10_000]),
  relayKills: count("kills of a relay alone, one soon after the other", 1000, [0, 1_000_000]),
  entries: count("entries that a read transaction stays open over", 1_000_000, [1, 100_000_000]),
  rows: count("rows that are reconciled with as many keys of S3", 1_000_000, [400, 100_000_000]),
  told: count("changes that are told to watchers", 6000, [1, 1_000_000]),
  calls: count("reads, and changes, with and without their entries", 4000, [1, 10_000_000]),
  uploads: count("files of 1 KiB of each of twenty rounds", 300, [1, 1_000_000]),
  tries: count("changes that are read at a replica at once", 10_000, [1, 1_000_000]),
  lookups: count("lookups of files", 50_000, [100, 100_000_000]),
  seed: count("what is killed, and when, follows from it", 1, [1, 2 ** 31]),
};

/** Four checkpoints and more of entries, and as long without. */
const LOG_PACE = { busyMs: 40_000, idleMs: 15_000 };

await runCommand({ script: "bench:journal", options, run: (values) => onStage(1, (stage) => measure(stage, values)) });

async function measure(stage: Stage, run: Values<typeof options>): Promise<number> {
  const rows = [
    ...(await measureKills(stage.directory, run, report, (trial) => measureLog(trial, LOG_PACE, report))),
    ...(await measureRelayKills(stage.directory, run, report)),
    ...(await measureFeed(stage.directory, run, report)),
    ...(await measureRelay(stage.directory, run, report)),
    ...(await measureReads(stage.directory, run, report)),
    ...(await measureLookups(stage.directory, run, report)),
    ...(await measureUploads(stage, run, report)),
    ...(await measurePositions(run, report)),
    ...(await measureReconcile(stage.directory, run, report)),
  ];
  return printFigures(rows, {
    title: `${run.changes} changes, seed ${run.seed}`,
    facts: { options: run },
    json: run.json,
  });
}
