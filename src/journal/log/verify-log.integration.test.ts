import { expect } from "chai";
import { LogProblem } from "../../domain/log/checkpoint.ts";
import { type NoteVerifier, parseNoteVerifier } from "../../domain/log/signed-note.ts";
import { decodeBundle, encodeBundle } from "../../domain/log/tile-files.ts";
import { FakeLogStore } from "../../testing/fakes/fake-log-store.ts";
import { createTestKey, LOG_NAME, LogRig } from "../../testing/rigs/database/log-rig.ts";
import { catchError } from "../../testing/samples/sample-records.ts";
import { verifyLog } from "./verify-log.ts";

const SIZE = 700;
type Line = { entry: Record<string, unknown> };

describe("verifyLog", () => {
  let rig: LogRig;
  let exported: Line[];
  before(async () => {
    rig = await LogRig.start();
    await rig.enterUpTo(SIZE);
    await rig.publisher().publish();
    exported = (await rig.export()) as Line[];
  });
  after(() => rig?.close());

  const verifierOf = (key = rig.key) => parseNoteVerifier(key.verifierKey) as NoteVerifier;
  const copy = () => {
    const store = new FakeLogStore();
    for (const [path, bytes] of rig.store.objects) store.objects.set(path, Buffer.from(bytes));
    return store;
  };
  const verify = (
    store: FakeLogStore = rig.store,
    {
      lines,
      isWhole = true,
      after = 0,
      ...others
    }: { lines?: readonly object[]; isWhole?: boolean; after?: number; kept?: Uint8Array } = {},
  ) =>
    verifyLog({
      ...{ read: (path) => store.read(path), origin: LOG_NAME, verifiers: [verifierOf()], ...others },
      exported: lines && { lines: toLines(lines), isWhole, after },
    });
  const problemOf = async (...args: Parameters<typeof verify>) => {
    const error = await catchError(() => verify(...args));
    expect(error).to.be.instanceOf(LogProblem);
    return (error as LogProblem).message;
  };

  it("accepts a log, with and without an export of it", async () => {
    const { checkpoint, counts } = await verify();
    expect(checkpoint).to.deep.include({ origin: LOG_NAME, size: SIZE });
    expect(counts).to.deep.equal({ proven: 0, erased: 0, newer: 0 });
    expect((await verify(rig.store, { lines: exported })).counts).to.deep.equal({ proven: SIZE, erased: 0, newer: 0 });
    const part = exported.slice(300, 600);
    expect((await verify(rig.store, { lines: part, isWhole: false })).counts.proven).to.equal(300);
    expect((await verify(rig.store, { lines: exported.slice(300), after: 300 })).counts.proven).to.equal(400);
    const [ends] = [[{ end: { count: "1", lastSequence: "700" } }]];
    expect((await verify(rig.store, { lines: [...exported, ...ends] })).counts.proven).to.equal(SIZE);
  });

  it("accepts what was erased, and entries that the checkpoint does not have yet", async () => {
    const other = await LogRig.start();
    try {
      await other.enterUpTo(20);
      await other.publisher().publish();
      await other.query("DELETE FROM journal_personal");
      await other.enter(3);
      const { counts } = await verifyLog({
        ...{ read: (path) => other.store.read(path), origin: LOG_NAME, verifiers: [verifierOf(other.key)] },
        exported: { lines: toLines(await other.export()), isWhole: true, after: 0 },
      });
      expect(counts).to.deep.equal({ proven: 20, erased: 20, newer: 3 });
    } finally {
      await other.close();
    }
  });

  it("accepts a log that has grown from a checkpoint that was kept, and no other one", async () => {
    const other = await LogRig.start();
    try {
      await other.enterUpTo(100);
      await other.publisher().publish();
      const kept = other.store.objects.get("checkpoint") as Uint8Array;
      await other.enter(300);
      await other.publisher().publish();
      const options = { read: (path: string) => other.store.read(path), origin: LOG_NAME };
      const verifiers = [verifierOf(other.key)];
      expect((await verifyLog({ ...options, verifiers, kept })).checkpoint.size).to.equal(400);
      // The same key has signed another log.
      const rewritten = new FakeLogStore();
      const copied = await LogRig.start();
      await copied.enterUpTo(400);
      await copied.publisher({ store: rewritten, signers: [other.key] }).publish();
      await copied.close();
      const forged = { ...options, read: (path: string) => rewritten.read(path), verifiers };
      expect(((await catchError(() => verifyLog({ ...forged, kept }))) as Error).message).to.equal(
        "one of the first 100 entries was changed since the checkpoint from before",
      );
      const longer = other.store.objects.get("checkpoint") as Uint8Array;
      const short = new FakeLogStore();
      await other.publisher({ store: short, limits: { entriesMax: 256 } }).publish();
      expect(
        (
          (await catchError(() =>
            verifyLog({ ...options, read: (path) => short.read(path), verifiers, kept: longer }),
          )) as Error
        ).message,
      ).to.equal("entry 257 was removed: the log had 400 entries before, and has 256");
    } finally {
      await other.close();
    }
  });

  it("refuses a checkpoint of another key, of another log, and none", async () => {
    const others = { read: (path: string) => rig.store.read(path), origin: LOG_NAME };
    for (const [options, message] of [
      [{ ...others, verifiers: [verifierOf(createTestKey())] }, "the checkpoint is not signed by the key of this log"],
      [
        { ...others, verifiers: [verifierOf()], origin: "example.org/x" },
        'of the log "example.org/log", not of "example.org/x"',
      ],
      [{ ...others, verifiers: [verifierOf()], read: async () => undefined }, "there is no checkpoint"],
    ] as const)
      expect(((await catchError(() => verifyLog(options))) as Error).message).to.include(message);
  });

  describe("names the first entry that tiles were tampered with at", () => {
    const change = (store: FakeLogStore, path: string, work: (entries: Uint8Array[]) => Uint8Array[]) =>
      store.objects.set(path, encodeBundle(work(decodeBundle(store.objects.get(path) as Uint8Array))));
    const bundleOf = (sequence: number) => {
      const index = Math.floor((sequence - 1) / 256);
      return { path: `tile/entries/00${index}${index === 2 ? ".p/188" : ""}`, at: (sequence - 1) % 256 };
    };
    for (const [where, sequence] of [
      ["first", 1],
      ["middle", 350],
      ["last", SIZE],
    ] as const) {
      const { path, at } = bundleOf(sequence);
      it(`the ${where} entry is edited`, async () => {
        const store = copy();
        change(store, path, (entries) => entries.map((entry, nth) => (nth === at ? Buffer.alloc(32, 9) : entry)));
        expect(await problemOf(store)).to.include(`entry ${sequence} was changed`);
      });
      it(`the ${where} entry is deleted`, async () => {
        const store = copy();
        change(store, path, (entries) => entries.toSpliced(at, 1));
        // What follows has moved up.
        const how = sequence === SIZE ? "removed" : "changed";
        expect(await problemOf(store)).to.include(`entry ${sequence} was ${how}`);
      });
      it(`an entry is inserted before the ${where}`, async () => {
        const store = copy();
        change(store, path, (entries) => entries.toSpliced(at, 0, Buffer.alloc(32, 9)));
        expect(await problemOf(store)).to.include(`entry ${sequence} was changed`);
      });
      it(`the ${where} entry is swapped with its neighbour`, async () => {
        const store = copy();
        const first = sequence === SIZE ? at - 1 : at;
        change(store, path, (entries) => {
          const [one, other] = [entries[first] as Uint8Array, entries[first + 1] as Uint8Array];
          return entries.toSpliced(first, 2, other, one);
        });
        expect(await problemOf(store)).to.include(`entry ${sequence === SIZE ? SIZE - 1 : sequence} was changed`);
      });
      it(`all is cut off from the ${where} entry on`, async () => {
        const store = copy();
        change(store, path, (entries) => entries.slice(0, at));
        expect(await problemOf(store)).to.include(`entry ${sequence} was removed`);
      });
      it(`the ${where} hash of a tile is another`, async () => {
        const store = copy();
        const tile = store.objects.get(path.replace("entries", "0")) as Uint8Array;
        tile[at * 32] = (tile[at * 32] as number) ^ 1;
        expect(await problemOf(store)).to.include(`entry ${sequence} was changed`);
      });
    }

    it("a tile is lost, or one of a higher level is another", async () => {
      const store = copy();
      store.objects.delete("tile/0/001");
      expect(await problemOf(store)).to.include("tile/0/001 is missing; the first entry that it is about is 257");
      const other = copy();
      (other.objects.get("tile/1/000.p/2") as Uint8Array)[40] = 1;
      expect(await problemOf(other)).to.include("one of the entries from 257 to 512 was changed");
    });

    it("bundle and tiles are changed alike, and an export shows where", async () => {
      const forger = await LogRig.start();
      try {
        // A whole log of others, with our checkpoint.
        await forger.enterUpTo(SIZE);
        await forger.publisher().publish();
        const store = forger.store;
        store.objects.set("checkpoint", rig.store.objects.get("checkpoint") as Uint8Array);
        expect(await problemOf(store)).to.include("one of the 700 entries was changed since the checkpoint was signed");
        expect(await problemOf(store, { lines: exported })).to.include("entry 1 was changed");
      } finally {
        await forger.close();
      }
    });
  });

  describe("names the first entry that the table was tampered with at", () => {
    const tamper = (sequence: number, work: (entry: Record<string, unknown>) => void) => {
      const lines = structuredClone(exported);
      work((lines[sequence - 1] as Line).entry);
      return lines;
    };
    for (const [where, sequence] of [
      ["first", 1],
      ["middle", 350],
      ["last", SIZE],
    ] as const) {
      it(`the ${where} entry is edited`, async () => {
        for (const [name, value] of [
          ["action", "GetFile"],
          ["outcome", "PERMISSION_DENIED"],
          ["time", "2020-01-31T12:00:00.000Z"],
          ["times", "2"],
          ["actor", "acme:else"],
          ["after", { labels: {} }],
        ] as const)
          expect(await problemOf(rig.store, { lines: tamper(sequence, (entry) => (entry[name] = value)) })).to.include(
            `entry ${sequence} was changed: its ${name} is ${JSON.stringify(value)}`,
          );
        const proofs = ["salt", "publicBytes", "personalHash", "personalBytes", "personalSalt"];
        for (const name of proofs) {
          const lines = tamper(sequence, ({ proof }) => {
            const parts = proof as Record<string, string>;
            const bytes = Buffer.from(parts[name] as string, "base64");
            bytes[0] = (bytes[0] as number) ^ 1;
            parts[name] = bytes.toString("base64");
          });
          expect(await problemOf(rig.store, { lines }), name).to.include(`entry ${sequence} was changed`);
        }
        const erased = tamper(sequence, ({ proof }) => {
          Object.assign(proof as object, { personalSalt: "", personalBytes: "" });
        });
        expect(await problemOf(rig.store, { lines: erased })).to.include(
          `entry ${sequence} was changed: it shows actor`,
        );
      });
      it(`the ${where} entry is deleted`, async () => {
        const lines = exported.toSpliced(sequence - 1, 1);
        expect(await problemOf(rig.store, { lines })).to.include(`entry ${sequence} was removed`);
        // Of an export of one namespace that shows between two others.
        const isBetween = sequence > 1 && sequence < SIZE;
        if (isBetween)
          expect(await problemOf(rig.store, { lines, isWhole: false })).to.include(`entry ${sequence} was removed`);
      });
      it(`an entry is inserted at the ${where}`, async () => {
        const [{ entry }] = [exported[sequence - 1] as Line];
        const unproven = { entry: { ...entry, action: "GetFile", proof: undefined } };
        const lines = exported.toSpliced(sequence - 1, 0, unproven);
        expect(await problemOf(rig.store, { lines })).to.include(`entry ${sequence} was added: it has no proof`);
        const twice = exported.toSpliced(sequence, 0, structuredClone(exported[sequence - 1] as Line));
        expect(await problemOf(rig.store, { lines: twice })).to.include(`entry ${sequence} is there twice`);
      });
      it(`the ${where} entry is swapped with its neighbour`, async () => {
        const first = sequence === SIZE ? SIZE - 1 : sequence;
        const lines = structuredClone(exported);
        const [one, other] = [lines[first - 1] as Line, lines[first] as Line];
        [one.entry.sequence, other.entry.sequence] = [other.entry.sequence, one.entry.sequence];
        lines.splice(first - 1, 2, other, one);
        expect(await problemOf(rig.store, { lines })).to.equal(
          `entry ${first} was moved: in the log it is entry ${first + 1}`,
        );
      });
      it(`all is cut off from the ${where} entry on`, async () => {
        const lines = exported.slice(0, sequence - 1);
        expect(await problemOf(rig.store, { lines })).to.include(`entry ${sequence} was removed: the export ends`);
      });
    }

    it("lines stand in another order", async () => {
      const lines = exported.toSpliced(10, 0, exported[3] as Line);
      expect(await problemOf(rig.store, { lines, isWhole: false })).to.equal(
        "entry 4 was moved: it stands behind entry 10",
      );
    });
  });
});

async function* toLines(lines: readonly object[]): AsyncGenerator<Record<string, unknown>> {
  yield* lines as Record<string, unknown>[];
}
