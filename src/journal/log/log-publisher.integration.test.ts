import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import { LogProblem } from "../../domain/log/checkpoint.ts";
import type { NoteSigner } from "../../domain/log/signed-note.ts";
import { FakeLogStore } from "../../testing/fakes/fake-log-store.ts";
import { createTestKey, LOG_NAME, LogRig } from "../../testing/rigs/database/log-rig.ts";
import { findLogJudges, type JudgeLog } from "../../testing/rigs/tools/log-judges.ts";
import { catchError } from "../../testing/samples/sample-records.ts";

describe("LogPublisher", () => {
  let rig: LogRig;
  beforeEach(async () => {
    rig = await LogRig.start();
  });
  afterEach(() => rig?.close());
  const checkpoint = (store = rig.store, folder = "") =>
    Buffer.from(store.objects.get(`${folder}checkpoint`) ?? [])
      .toString()
      .split("\n");
  const sizeOf = (store = rig.store) => Number(checkpoint(store)[1] ?? 0);
  const messageOf = async (call: () => Promise<unknown>) => {
    const error = await catchError(call);
    expect(error).to.be.instanceOf(LogProblem);
    return (error as LogProblem).message;
  };
  const keep = () => new Map(rig.store.objects);
  const expectUnchanged = (before: ReadonlyMap<string, Uint8Array>) =>
    expect([...rig.store.objects]).to.deep.equal([...before]);

  describe("by judges that nobody here wrote", () => {
    let judge: JudgeLog;
    before(async function () {
      const found = await findLogJudges();
      if (typeof found === "string") {
        console.log(`      judges of the audit log: skipped, ${found}`);
        return this.skip();
      }
      judge = found;
    });
    const judgeAll = async (key: NoteSigner = rig.key, origin = LOG_NAME) =>
      await judge(rig.store.objects, { origin, verifierKey: key.verifierKey });
    const accepted = { tessera: undefined, sumdb: undefined };

    it("is accepted at every kind of size", async () => {
      const publisher = rig.publisher();
      for (const size of [4, 255, 256, 257, 511, 512, 700, 1300]) {
        await rig.enterUpTo(size);
        expect(await publisher.publish()).to.equal(size);
        expect(await judgeAll(), `size ${size}`).to.deep.equal(accepted);
      }
    });

    it("is accepted when it grew by many publishers, in small steps and large ones", async () => {
      await rig.enterUpTo(1300);
      await rig.publisher({ limits: { entriesMax: 300 } }).publish();
      expect(await rig.publisher({ limits: { entriesMax: 800 } }).publish()).to.equal(1100);
      await rig.publisher().publish();
      expect(sizeOf()).to.equal(1300);
      expect(await judgeAll()).to.deep.equal(accepted);
    });

    it("is accepted after an erasure, and refused when an entry is changed", async () => {
      await rig.enterUpTo(300);
      await rig.publisher().publish();
      await rig.query("DELETE FROM journal_personal");
      await rig.enter(10);
      await rig.publisher().publish();
      expect(await judgeAll()).to.deep.equal(accepted);
      const bundle = Buffer.from(rig.store.objects.get("tile/entries/000") as Uint8Array);
      bundle[40] = (bundle[40] as number) ^ 1;
      rig.store.objects.set("tile/entries/000", bundle);
      const { tessera, sumdb } = await judgeAll();
      expect(tessera).to.include("fsck failed");
      expect(sumdb).to.include("entry 2 has other bytes");
    });

    it("is accepted by either key while the key is changed, and by the new one alone later", async () => {
      const next = createTestKey();
      await rig.enterUpTo(10);
      await rig.publisher().publish();
      await rig.enter(10);
      await rig.publisher({ signers: [rig.key, next] }).publish();
      for (const key of [rig.key, next]) expect(await judgeAll(key)).to.deep.equal(accepted);
      await rig.enter(10);
      await rig.publisher({ signers: [next] }).publish();
      expect(await judgeAll(next)).to.deep.equal(accepted);
      expect((await judgeAll(rig.key)).sumdb).to.include("refused");
    });

    it("is accepted as another log when an operator lets one begin", async () => {
      await rig.enterUpTo(300);
      await rig.publisher().publish();
      await rig.leaves.continueAs(1);
      await rig.publisher().publish();
      const inFolder = [...rig.store.objects].flatMap(([path, bytes]): [string, Uint8Array][] =>
        path.startsWith("forks/1/") ? [[path.slice("forks/1/".length), bytes]] : [],
      );
      const log = { origin: `${LOG_NAME}/forks/1`, verifierKey: rig.key.verifierKey };
      expect(await judge(new Map(inFolder), log)).to.deep.equal(accepted);
      expect(await judgeAll()).to.deep.equal(accepted);
    });
  });

  describe("when nothing is wrong", () => {
    it("writes a checkpoint when there are new entries, and nothing otherwise", async () => {
      const publisher = rig.publisher();
      await rig.enterUpTo(5);
      await publisher.publish();
      expect(checkpoint().slice(0, 2)).to.deep.equal([LOG_NAME, "5"]);
      const before = keep();
      const { requests } = rig.store;
      const asked = { ...requests };
      await publisher.publish();
      expectUnchanged(before);
      expect(requests).to.deep.equal(asked);
      expect(await rig.leaves.state()).to.deep.include({ published: 5, problem: undefined, behindMs: 0 });
    });

    it("locks full tiles and bundles and the hourly checkpoints, and nothing that grows", async () => {
      await rig.enterUpTo(300);
      const publisher = rig.publisher();
      await publisher.publish();
      await rig.enter(1);
      await publisher.publish();
      rig.now = new Date("2026-01-31T13:00:00Z");
      await rig.enter(1);
      await publisher.publish();
      expect([...rig.store.locked].sort()).to.deep.equal([
        ...["checkpoints/2026-01-31T12", "checkpoints/2026-01-31T13", "tile/0/000", "tile/entries/000"],
      ]);
    });

    it("publishes all that was entered while storage was away", async () => {
      const publisher = rig.publisher();
      await rig.enterUpTo(5);
      await publisher.publish();
      rig.store.failure = new DomainError("unavailable", "away", { reason: "STORAGE_UNAVAILABLE" });
      for (let hour = 0; hour < 3; hour++) {
        await rig.enter(300);
        expect(await catchError(() => publisher.publish())).to.equal(rig.store.failure);
        expect(await rig.leaves.state()).to.deep.include({ published: 5, problem: undefined });
      }
      rig.store.failure = undefined;
      expect(await publisher.publish()).to.equal(905);
    });

    it("goes on wherever another one was cut off", async () => {
      await rig.enterUpTo(300);
      await rig.publisher().publish();
      let written = 0;
      for (let cut = 0; cut < 12; cut++) {
        await rig.enter(130);
        const failing = new CutStore(rig.store, cut);
        await catchError(() => rig.publisher({ store: failing }).publish());
        written += failing.written;
        if (cut % 3 === 0) await rig.publisher().publish();
      }
      await rig.enter(1);
      await rig.publisher().publish();
      expect(sizeOf()).to.equal(300 + 12 * 130 + 1);
      expect(written).to.be.above(20);
    });

    it("publishes one log when two do it at once", async () => {
      const publishers = [rig.publisher(), rig.publisher()];
      for (let round = 0; round < 10; round++) {
        await rig.enter(97);
        const sizes = await Promise.all(publishers.map((one) => one.publish()));
        expect(sizes.filter((size) => size !== undefined)).not.to.deep.equal([]);
      }
      await rig.publisher().publish();
      expect((await rig.leaves.state())?.published).to.equal(sizeOf());
    });

    it("has entries of zero bytes for what was dropped before the log began", async () => {
      await rig.enterUpTo(10);
      await rig.query(
        "DELETE FROM journal_entry WHERE entry_id IN (SELECT entry_id FROM journal_number WHERE sequence <= 7)",
      );
      await rig.query("DELETE FROM journal_number WHERE sequence <= 7");
      await rig.query("INSERT INTO journal_dropped VALUES (7)");
      expect(await rig.publisher().publish()).to.equal(10);
      const bundle = Buffer.from(rig.store.objects.get("tile/entries/000.p/10") as Uint8Array);
      expect(bundle.subarray(6 * 34 + 2, 7 * 34).every((byte) => byte === 0)).to.equal(true);
      expect(bundle.subarray(7 * 34 + 2, 8 * 34).every((byte) => byte === 0)).to.equal(false);
      await rig.enter(1);
      expect(await rig.publisher().publish()).to.equal(11);
    });
  });

  describe("when the log is not that of the database", () => {
    /** Takes the leaves back to a size, as a backup that is restored does. */
    const restore = async (size: number) => {
      for (const table of ["journal_leaf", "journal_entry", "journal_personal", "journal_number"])
        await rig.query(
          `DELETE FROM ${table} WHERE entry_id IN (SELECT entry_id FROM journal_number WHERE sequence > ${size})`,
        );
      await rig.query(`UPDATE journal_look SET last_sequence = ${size} WHERE last_sequence > ${size}`);
      await rig.query(`UPDATE journal_log SET published = ${size}`);
    };

    it("says that a database ends before the log, with the first entry that it lacks, and writes nothing", async () => {
      await rig.enterUpTo(700);
      await rig.publisher().publish();
      await restore(431);
      const before = keep();
      expect(await messageOf(() => rig.publisher().publish())).to.include(
        "FORK: entry 432 of the log is missing from this database, which ends there; the checkpoint has 700 entries",
      );
      expectUnchanged(before);
      expect((await rig.leaves.state())?.problem).to.include("FORK: entry 432");
    });

    it("says the same when the database has given the numbers once more", async () => {
      for (const [first, at] of [
        [1, 3],
        [431, 432],
        [512, 513],
      ] as const) {
        await rig.close();
        rig = await LogRig.start();
        await rig.enterUpTo(700);
        await rig.publisher().publish();
        await restore(Math.max(2, first));
        await rig.enterUpTo(900);
        const before = keep();
        expect(await messageOf(() => rig.publisher().publish())).to.include(
          `FORK: entry ${at} of the log of 700 entries is not in this database`,
        );
        expectUnchanged(before);
      }
    });

    it("notices it while it runs", async () => {
      const publisher = rig.publisher();
      await rig.enterUpTo(300);
      await publisher.publish();
      await restore(100);
      expect(await messageOf(() => publisher.publish())).to.include("FORK: entry 101 of the log");
    });

    it("notices while it runs that the numbers were given once more", async () => {
      const publisher = rig.publisher();
      await rig.enterUpTo(300);
      await publisher.publish();
      await restore(100);
      await rig.enterUpTo(400);
      const before = keep();
      expect(await messageOf(() => publisher.publish())).to.include("FORK: entry 101 of the log of 300 entries");
      expectUnchanged(before);
    });

    it("goes on as another log once an operator says so, and leaves the first as it is", async () => {
      await rig.enterUpTo(300);
      await rig.publisher().publish();
      await restore(100);
      const before = keep();
      await catchError(() => rig.publisher().publish());
      await rig.leaves.continueAs(1);
      await rig.enterUpTo(150);
      expect(await rig.publisher().publish()).to.equal(150);
      expect(checkpoint(rig.store, "forks/1/").slice(0, 2)).to.deep.equal([`${LOG_NAME}/forks/1`, "150"]);
      for (const [path, bytes] of before) expect(rig.store.objects.get(path), path).to.equal(bytes);
      expect(await rig.leaves.state()).to.deep.include({ fork: 1, published: 150, problem: undefined });
    });

    it("lets a copy of the database publish nothing beside the first, whoever is quicker", async () => {
      const copy = await LogRig.start();
      try {
        for (const one of [rig, copy]) await one.enterUpTo(5);
        const [ours, theirs] = [rig.publisher(), copy.publisher({ store: rig.store, signers: [rig.key] })];
        await ours.publish();
        const before = keep();
        expect(await messageOf(() => theirs.publish())).to.include("FORK: entry 1 of the log of 5 entries");
        expectUnchanged(before);
        // A copy that has claimed the next checkpoint, and was cut off behind that.
        await rig.enter(3);
        await catchError(() => rig.publisher({ store: new CutStore(rig.store, 1) }).publish());
        await rig.query("DELETE FROM journal_leaf WHERE sequence > 5");
        const claimed = keep();
        expect(await messageOf(() => rig.publisher().publish())).to.include("FORK: behind entry 5 of the log somebody");
        expectUnchanged(claimed);
      } finally {
        await copy.close();
      }
    });

    it("takes no checkpoint of another key, and none of another log", async () => {
      const text = (name: string) => `the checkpoint is of the log "${name}", not of "${LOG_NAME}"`;
      await rig.enterUpTo(5);
      await rig.publisher().publish();
      const before = keep();
      expect(await messageOf(() => rig.publisher({ signers: [createTestKey()] }).publish())).to.equal(
        "the checkpoint is not signed by the key of this log",
      );
      expectUnchanged(before);
      const signed = rig.key.sign(`example.org/other\n5\n${"A".repeat(43)}=\n`);
      const other = Buffer.from(`example.org/other\n5\n${"A".repeat(43)}=\n\n${signed}`);
      rig.store.objects.set("checkpoint", other);
      expect(await messageOf(() => rig.publisher().publish())).to.equal(text("example.org/other"));
    });

    it("stops at a checkpoint of the future", async () => {
      await rig.enterUpTo(300);
      await rig.publisher().publish();
      const future = new FakeLogStore();
      for (const [path, bytes] of rig.store.objects) future.objects.set(path, bytes);
      await rig.enter(100);
      await rig.publisher().publish();
      future.objects.set("checkpoint", rig.store.objects.get("checkpoint") as Uint8Array);
      await restore(300);
      expect(await messageOf(() => rig.publisher({ store: future }).publish())).to.include("FORK: entry 301");
    });
  });

  describe("when a file of the log is not what was written", () => {
    beforeEach(async () => {
      await rig.enterUpTo(300);
      await rig.publisher().publish();
    });
    const change = (path: string) => {
      const bytes = Buffer.from(rig.store.objects.get(path) as Uint8Array);
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      rig.store.objects.set(path, bytes);
    };

    it("names the entries of a tile that is lost", async () => {
      rig.store.objects.delete("tile/0/001.p/44");
      await rig.enter(1);
      expect(await messageOf(() => rig.publisher().publish())).to.equal(
        "tile/0/001.p/44 is missing; the first entry that it is about is 257, the last one 300",
      );
    });

    it("does not go on from a tile of other bytes", async () => {
      change("tile/1/000.p/1");
      expect(await messageOf(() => rig.publisher().publish())).to.include("do not give the root of the checkpoint");
    });

    it("names the entry of a bundle of other bytes", async () => {
      change("tile/entries/001.p/44");
      expect(await messageOf(() => rig.publisher().publish())).to.equal(
        "entry 300 was changed: tile/entries/001.p/44 and tile/0/001.p/44 differ",
      );
    });

    it("writes over no tile of other bytes that is there already", async () => {
      await rig.enterUpTo(400);
      rig.store.objects.set("tile/0/001.p/144", Buffer.alloc(144 * 32));
      const published = sizeOf();
      expect(await messageOf(() => rig.publisher().publish())).to.equal(
        "tile/0/001.p/144 is there already, with other bytes than those of the entries from 257 on",
      );
      expect(sizeOf()).to.equal(published);
    });

    it("names an entry that has gone from the database before it was published", async () => {
      await rig.enter(5);
      await rig.leaves.seal({ limit: 100 });
      await rig.query("DELETE FROM journal_leaf WHERE sequence = 303");
      expect(await messageOf(() => rig.publisher().publish())).to.equal(
        "entry 303 has gone from the database before it was published",
      );
    });
  });
});

/** A store that fails for good behind a number of writes. */
class CutStore extends FakeLogStore {
  override readonly objects: Map<string, Uint8Array>;
  written = 0;
  readonly #writesMax: number;

  constructor(store: FakeLogStore, writesMax: number) {
    super();
    this.objects = store.objects;
    this.#writesMax = writesMax;
  }

  override async create(...args: Parameters<FakeLogStore["create"]>) {
    this.#count();
    return await super.create(...args);
  }

  override async replace(...args: Parameters<FakeLogStore["replace"]>) {
    this.#count();
    return await super.replace(...args);
  }

  #count(): void {
    if (this.written >= this.#writesMax) throw new DomainError("unavailable", "cut", { reason: "STORAGE_UNAVAILABLE" });
    this.written++;
  }
}
