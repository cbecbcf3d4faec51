import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { FigureRow } from "./figures/figure-row.ts";
import type { JournalTrial } from "./journal/journal-trial.ts";
import { measureFeed } from "./journal/measure-feed.ts";
import { measureKills } from "./journal/measure-kills.ts";
import { measureLog } from "./journal/measure-log.ts";
import { measureLookups } from "./journal/measure-lookups.ts";
import { measurePositions } from "./journal/measure-positions.ts";
import { measureReads } from "./journal/measure-reads.ts";
import { measureRelay } from "./journal/measure-relay.ts";
import { measureRelayKills } from "./journal/measure-relay-kills.ts";
import { measureUploads } from "./journal/measure-uploads.ts";
import { setStage } from "./stage/stage.ts";

/** Short runs: what the figures say of speed is measured elsewhere, on a machine that does nothing else. */
describe("the benchmark of the journal", () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-journal-"));
  });
  after(() => rm(directory, { recursive: true, force: true }));
  const silent = () => undefined;
  const wrongOf = (rows: readonly FigureRow[]) =>
    rows.filter(({ unit, must, measured }) => unit === "count" && "atMost" in must && measured !== 0);

  it("finds nothing missing, doubled, out of order or left out under kills of writers, relays and the database", async () => {
    const pace = { busyMs: 2000, idleMs: 100 };
    const look = (trial: JournalTrial) => measureLog(trial, pace, silent);
    const rows = await measureKills(directory, { changes: 1200, kills: 3, seed: 1 }, silent, look);
    expect(rows).to.have.length(10);
    const isCount = ({ name, note = "" }: FigureRow) => !/requests of/.test(name) && !note.includes("not installed");
    expect(wrongOf(rows.filter(isCount))).to.deep.equal([]);
  });

  it("nor under kills of relays alone", async () => {
    const rows = await measureRelayKills(directory, { relayKills: 30, seed: 1 }, silent);
    expect(rows).to.have.length(4);
    expect(wrongOf(rows)).to.deep.equal([]);
  });

  it("tells every watcher of every change, once", async () => {
    expect(wrongOf(await measureFeed(directory, { told: 50 }, silent))).to.deep.equal([]);
  });

  it("finds no read at a replica that misses an own change", async () => {
    expect(wrongOf(await measurePositions({ tries: 100 }, silent))).to.deep.equal([]);
  });

  it("measures the relay, reads, lookups and uploads", async () => {
    const { stage, clear } = await setStage(1);
    try {
      const rows = [
        ...(await measureRelay(directory, { entries: 1000 }, silent)),
        ...(await measureReads(directory, { calls: 20 }, silent)),
        ...(await measureLookups(directory, { lookups: 1000 }, silent)),
        ...(await measureUploads(stage, { uploads: 20 }, silent)),
      ];
      expect(rows.filter(({ measured = 0 }) => !(measured > 0))).to.deep.equal([]);
      expect(rows).to.have.length(9);
    } finally {
      await clear();
    }
  });
});
