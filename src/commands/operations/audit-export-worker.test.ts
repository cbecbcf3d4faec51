import { gunzipSync } from "node:zlib";
import { expect } from "chai";
import { NO_PATH, WHOLE_NAMESPACE } from "../../domain/access/path-scope.ts";
import { DomainError } from "../../domain/errors.ts";
import type { Operation, OperationStep } from "../../domain/jobs/operation.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import { BucketRegions } from "../../domain/residency.ts";
import { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import { nextUuid } from "../../testing/rigs/database/repository-subject.ts";
import { until } from "../../testing/rigs/until.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { createSeededRandom } from "../../testing/samples/seeded-random.ts";
import { type AuditExportLimits, createAuditExportWorker } from "./audit-export-worker.ts";

const PART_MIN_BYTES = 500;
const LIMITS: AuditExportLimits = {
  stretchMax: 5,
  emptyStretchesMax: 3,
  partSizeBytes: PART_MIN_BYTES,
  partsMax: 10_000,
};
const BEGIN_MS = Date.UTC(2026, 10, 30, 12);
const DAY_MS = 86_400_000;
const numbers = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, nth) => first + nth);

describe("createAuditExportWorker", () => {
  /** A log whose last entry is `last`, of which the entries of the numbers `matching` match. */
  const open = ({
    last = 100,
    matching = numbers(1, last),
    limits = {},
    afterSequence = 0,
  }: {
    last?: number;
    matching?: readonly number[];
    limits?: Partial<AuditExportLimits>;
    afterSequence?: number;
  } = {}) => {
    const random = createSeededRandom(last);
    const pads = new Map(matching.map((sequence) => [sequence, random().toString(36).repeat(3)]));
    const right = { scope: WHOLE_NAMESPACE };
    const clock = { nowMs: BEGIN_MS };
    const objects = new FakeObjectStore({ partMinBytes: PART_MIN_BYTES });
    const regions = new BucketRegions();
    const seen: { scope: readonly string[] }[] = [];
    const kept = { first: 1 };
    const worker = createAuditExportWorker(
      {
        journal: {
          readMatching: async (_namespace, { scope, after, through, limit }) => {
            seen.push({ scope });
            const end = Math.min(after + limit, through);
            const found = matching.filter((sequence) => sequence > after && sequence <= end);
            return {
              entries: found.map((sequence) => ({ sequence }) as JournalEntry),
              through: end,
              first: kept.first,
            };
          },
        },
        log: { bounds: async () => ({ origin: "", first: 1, last }) },
        objects,
        namespaces: sampleNamespaces({ bucket: "bucket", keyPrefix: "prefix/" }),
        regions,
        admit: async () => {
          if (right.scope.length === 0)
            throw new DomainError("permission_denied", "no more", { reason: "PERMISSION_DENIED" });
          return { scopeNow: () => right.scope };
        },
        toLine: (message) =>
          `${JSON.stringify(message.kind === "entry" ? [message.entry.sequence, pads.get(message.entry.sequence)] : message)}\n`,
        now: () => new Date(clock.nowMs),
      },
      { ...LIMITS, ...limits },
    );
    const operation: Operation<"auditExport"> = {
      ...{ operationId: nextUuid(), namespace: "default", requestId: nextUuid(), caller: SAMPLE_CALLER },
      ...{ kind: "auditExport", createTime: new Date(0), beginTime: new Date(BEGIN_MS), cancelTime: undefined },
      ...{ endTime: undefined, cursor: "", revision: 0, error: undefined, response: undefined },
      request: { filter: "", afterSequence },
      progress: { sequence: 0, count: 0 },
    };
    const step = (signal = new AbortController().signal) => worker.step(operation, { signal });
    /** Saves the step, as the run of operations does. */
    const save = ({ progress, ...rest }: OperationStep<"auditExport">) => {
      operation.progress = progress;
      if ("cursor" in rest) operation.cursor = rest.cursor;
      else operation.response = rest.response;
    };
    const finish = async (each: () => ReturnType<typeof step> = step) => {
      while (operation.response === undefined) save(await each());
      return operation.response;
    };
    /** The numbers of the object's entries, and its last line. */
    const read = () => {
      const { bucket, key } = operation.response ?? { bucket: "", key: "" };
      const lines = gunzipSync(objects.bytesOf(bucket, key) ?? "")
        .toString()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      return { sequences: lines.slice(0, -1).map(([sequence]) => sequence), end: lines.at(-1) };
    };
    const versions = async () => (await objects.listVersions("bucket", { keyPrefix: "", pageMax: 10 })).versions;
    return {
      worker,
      objects,
      regions,
      operation,
      right,
      clock,
      seen,
      kept,
      step,
      save,
      finish,
      read,
      versions,
    };
  };
  /** Steps until the operation has begun, has some parts, or has all of them. */
  const advance = async ({ operation, step, save }: ReturnType<typeof open>, to: "begun" | "amid" | "filled") => {
    save(await step());
    const place = () => JSON.parse(operation.cursor);
    if (to === "amid") while (place().parts.length < 2) save(await step());
    if (to === "filled") while (!place().isFilled) save(await step());
  };

  it("makes an object of all entries and the end, in parts that storage takes", async () => {
    const { objects, finish, read } = open();
    const exported = await finish();
    expect(read()).to.deep.equal({
      sequences: numbers(1, 100),
      end: { kind: "end", count: 100, lastSequence: 100 },
    });
    expect(exported.key).to.match(/^prefix\/exports\/audit\/2026-12-07T12-00-00Z-[0-9a-f-]{36}\.ndjson\.gz$/);
    expect(exported).to.deep.include({ bucket: "bucket", count: 100, lastSequence: 100, scope: WHOLE_NAMESPACE });
    expect(exported.expireTimeMs).to.equal(BEGIN_MS + 7 * DAY_MS);
    expect(exported.sizeBytes).to.equal(objects.bytesOf("bucket", exported.key)?.length);
    expect(objects.pendingMultiparts).to.deep.equal([]);
  });

  it("fails once entries were dropped that it has not read", async () => {
    const opened = open();
    await advance(opened, "amid");
    opened.kept.first = 100;
    expect(await catchError(() => opened.finish())).to.include({ reason: "EVENTS_RESET" });
  });

  it("tells after each part how many entries are in storage", async () => {
    const { operation, finish, step } = open();
    const told: number[] = [];
    await finish(async () => {
      const made = await step();
      if ("cursor" in made && made.cursor !== operation.cursor) told.push(made.progress.count);
      expect(made.progress.sequence).to.equal(made.progress.count);
      return made;
    });
    expect(told.length).to.be.above(4);
    expect(told).to.deep.equal(told.toSorted((a, b) => a - b));
  });

  it("has each entry once, whichever step is cut and made again", async () => {
    let steps = 0;
    const all = open();
    await all.finish(async () => {
      steps++;
      return await all.step();
    });
    for (let lost = 0; lost < steps; lost++) {
      const { objects, finish, step, read } = open();
      let nth = 0;
      await finish(async () => {
        if (nth++ === lost) await step();
        return await step();
      });
      expect(read().sequences, `step ${lost}`).to.deep.equal(numbers(1, 100));
      expect(objects.pendingMultiparts, `step ${lost}`).to.deep.equal([]);
    }
  });

  it("has each entry once when storage loses an answer in the middle of any step", async () => {
    for (const operation of ["createMultipart", "part", "completeMultipart"] as const) {
      const { objects, finish, step, read } = open();
      objects.faults.add(operation, { kind: "lost-answer" });
      let failures = 0;
      await finish(async () => {
        try {
          return await step();
        } catch {
          failures++;
          return await step();
        }
      });
      expect(failures, operation).to.equal(1);
      expect(read().sequences, operation).to.deep.equal(numbers(1, 100));
      expect(objects.pendingMultiparts, operation).to.deep.equal([]);
    }
  });

  it("begins behind a number, and refuses one behind which entries may be missing", async () => {
    const { finish, read } = open({ afterSequence: 90 });
    await finish();
    expect(read().sequences).to.deep.equal(numbers(91, 100));
    expect(await catchError(open({ afterSequence: 101 }).step)).to.include({ reason: "EVENTS_RESET" });
  });

  it("makes an object with the end alone where there is no entry", async () => {
    for (const last of [0, 100]) {
      const { finish, read } = open({ last, matching: [] });
      expect(await finish()).to.deep.include({ count: 0, lastSequence: last, scope: NO_PATH });
      expect(read()).to.deep.equal({ sequences: [], end: { kind: "end", count: 0, lastSequence: last } });
    }
  });

  it("saves how far it has looked while no entry matches, and sends no part for that", async () => {
    const { operation, save, step, finish, read } = open({ matching: [99] });
    for (const sequence of [0, 15, 30]) {
      save(await step());
      expect(operation.progress).to.deep.equal({ sequence, count: 0 });
      expect(JSON.parse(operation.cursor).parts).to.deep.equal([]);
    }
    await finish();
    expect(read().sequences).to.deep.equal([99]);
  });

  it("ends with the last part that an object may have, and another export goes on from there", async () => {
    const { finish, read } = open({ limits: { partsMax: 2 } });
    const { count, lastSequence } = await finish();
    expect(read()).to.deep.equal({ sequences: numbers(1, count), end: { kind: "end", count, lastSequence } });
    expect(lastSequence).to.equal(count).and.to.be.within(10, 90);
    const next = open({ afterSequence: lastSequence });
    await next.finish();
    expect(next.read().sequences).to.deep.equal(numbers(lastSequence + 1, 100));
  });

  it("ends with the right of its starter, and says which paths its entries may be of", async () => {
    const part = open();
    part.right.scope = ["b/"];
    await advance(part, "amid");
    part.right.scope = ["a/", "b/c/"];
    expect(await part.finish()).to.deep.include({ scope: ["a/", "b/"] });
    expect(new Set(part.seen.map(({ scope }) => scope.join()))).to.deep.equal(new Set(["b/", "a/,b/c/"]));
    for (const to of ["begun", "amid", "filled"] as const) {
      const lost = open();
      await advance(lost, to);
      lost.right.scope = NO_PATH;
      expect(await catchError(lost.step), to).to.include({ reason: "PERMISSION_DENIED" });
    }
  });

  it("writes nothing into a bucket that lies elsewhere than the namespace allows", async () => {
    for (const to of ["nowhere", "begun", "amid", "filled"] as const) {
      const export_ = open();
      if (to !== "nowhere") await advance(export_, to);
      export_.regions.note("bucket", { region: "us-east-1", readTime: new Date(0) });
      expect(await catchError(export_.step), to).to.include({ reason: "RESIDENCY_VIOLATION" });
      expect(export_.objects.keys, to).to.deep.equal([]);
    }
  });

  it("ends when storage has lost its parts", async () => {
    const amid = open();
    await advance(amid, "amid");
    amid.objects.forgetMultipart(amid.objects.pendingMultiparts[0] ?? "");
    expect(await catchError(amid.step)).to.include({ reason: "UPLOAD_LOST" });
    // Where all was sent, storage may still be making the object: nobody waits for that longer than the object would be kept.
    const filled = open();
    await advance(filled, "filled");
    filled.objects.forgetMultipart(filled.objects.pendingMultiparts[0] ?? "");
    expect(await catchError(filled.step)).to.include({ code: "unavailable" });
    filled.clock.nowMs += 7 * DAY_MS;
    expect(await catchError(filled.step)).to.include({ code: "aborted", reason: "UPLOAD_LOST" });
  });

  it("leaves nothing when it is given up, wherever it is and however often that is done", async () => {
    for (const to of ["nowhere", "begun", "amid", "filled"] as const)
      for (const isCut of [false, true]) {
        const export_ = open();
        const { worker, operation, objects, step, versions } = export_;
        if (to !== "nowhere") await advance(export_, to);
        // A step that was not saved has left something as well.
        if (isCut) await step();
        for (const _ of [1, 2]) await worker.abandon(operation);
        expect(objects.pendingMultiparts, to).to.deep.equal([]);
        expect(await versions(), to).to.deep.equal([]);
      }
  });

  it("stops at once when it is cut, also while a part is on its way", async () => {
    const export_ = open();
    await advance(export_, "begun");
    const cutting = new AbortController();
    const { release } = export_.objects.faults.add("part", { kind: "hang" });
    const stepping = export_.step(cutting.signal);
    const cut = new Error("cut");
    await until("a part is on its way", () => export_.objects.bodiesInFlight > 0);
    cutting.abort(cut);
    expect(await catchError(() => stepping)).to.equal(cut);
    release();
    expect(await catchError(() => export_.step(AbortSignal.abort(cut)))).to.equal(cut);
  });
});
