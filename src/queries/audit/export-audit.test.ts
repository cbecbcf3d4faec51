import { gunzipSync } from "node:zlib";
import { expect } from "chai";
import { WHOLE_NAMESPACE } from "../../domain/access/path-scope.ts";
import { DomainError } from "../../domain/errors.ts";
import type { Journal } from "../../domain/journal/journal.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import { WorkLimiter } from "../../domain/limits/work-limiter.ts";
import { BucketRegions } from "../../domain/residency.ts";
import { FakeObjectStore } from "../../testing/fakes/fake-object-store.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { exportAudit } from "./export-audit.ts";
import { type BucketExportAccess, exportAuditToBucket } from "./export-audit-to-bucket.ts";

const LAST = 10;

describe("exports of the audit log", () => {
  /** The numbers of the entries that match, among those up to LAST; one statement reads three. */
  const open = (matching: readonly number[], { progressEveryMs = 60_000, first = 1 } = {}) => {
    const stretches: Parameters<Journal["readMatching"]>[1][] = [];
    const objects = new FakeObjectStore();
    const access: BucketExportAccess = {
      journal: {
        readMatching: async (_namespace, query) => {
          stretches.push(query);
          const through = Math.min(query.after + query.limit, query.through);
          const entries = matching
            .filter((sequence) => sequence > query.after && sequence <= through)
            .map((sequence) => ({ sequence }) as JournalEntry);
          return { entries, through };
        },
      },
      log: { bounds: async () => ({ origin: "", first, last: LAST }) },
      namespaces: sampleNamespaces({ bucket: "bucket", keyPrefix: "prefix/" }),
      exports: new WorkLimiter("exports", { runningMax: 2, waitingMax: 0, callerShare: 1 / 2 }),
      limits: { stretchMax: 3, progressEveryMs },
      objects,
      downloads: objects,
      regions: new BucketRegions(),
      toLine: (message) => `${JSON.stringify(message)}\n`,
      now: () => new Date(1_700_000_000_000),
    };
    return { access, objects, stretches };
  };
  const request = { namespace: "default", filter: "", afterSequence: 0 };
  const options = { caller: SAMPLE_CALLER, scopeNow: () => WHOLE_NAMESPACE };
  const toText = (message: { kind: string; entry?: JournalEntry; sequence?: number; count?: number }) =>
    [message.kind, message.entry?.sequence ?? message.sequence ?? "", message.count ?? ""].join(" ").trim();
  const read = async (messages: AsyncIterable<Parameters<typeof toText>[0]>) => {
    const seen: string[] = [];
    for await (const message of messages) seen.push(toText(message));
    return seen;
  };

  it("reads stretch by stretch, up to the entry that was the last when it began", async () => {
    const { access, stretches } = open([1, 2, 9]);
    expect(await read(exportAudit(access, request, options))).to.deep.equal([
      "entry 1",
      "entry 2",
      "entry 9",
      "end  3",
    ]);
    expect(stretches.map(({ after, through, limit }) => [after, through, limit])).to.deep.equal([
      [0, LAST, 3],
      [3, LAST, 3],
      [6, LAST, 3],
      [9, LAST, 3],
    ]);
  });

  it("tells how far it has come while no entry matches", async () => {
    const { access } = open([9], { progressEveryMs: 0 });
    expect(await read(exportAudit(access, request, options))).to.deep.equal([
      ...["progress 3 0", "progress 6 0", "entry 9", "progress 9 1", "progress 10 1", "end  1"],
    ]);
  });

  it("begins behind a number that is kept, and refuses any other", async () => {
    const { access } = open([5, 8], { first: 5 });
    expect(await read(exportAudit(access, request, options))).to.deep.equal(["entry 5", "entry 8", "end  2"]);
    const behind = (afterSequence: number) => read(exportAudit(access, { ...request, afterSequence }, options));
    expect(await behind(4)).to.deep.equal(["entry 5", "entry 8", "end  2"]);
    expect(await behind(LAST)).to.deep.equal(["end  0"]);
    for (const wrong of [3, LAST + 1])
      expect(await catchError(() => behind(wrong))).to.include({ reason: "EVENTS_RESET", field: "after_sequence" });
  });

  it("asks for each stretch what its caller may see now, and ends once that is nothing", async () => {
    const { access, stretches } = open([1, 2, 3, 4, 5]);
    const lost = new DomainError("permission_denied", "no role", { reason: "PERMISSION_DENIED" });
    const scopes = [["a/"], ["b/"]];
    const scopeNow = () => {
      const scope = scopes.shift();
      if (scope === undefined) throw lost;
      return scope;
    };
    expect(await catchError(() => read(exportAudit(access, request, { ...options, scopeNow })))).to.equal(lost);
    expect(stretches.map(({ scope }) => scope)).to.deep.equal([["a/"], ["b/"]]);
  });

  it("gives a caller one export at a time, and the place back when nobody reads on", async () => {
    const { access } = open([1, 2, 3]);
    const held = exportAudit(access, request, options);
    await held.next();
    const refused = await catchError(() => read(exportAudit(access, request, options)));
    expect(refused).to.include({ code: "resource_exhausted", reason: "OVERLOADED" });
    await held.return();
    expect(await read(exportAudit(access, request, options))).to.have.length(4);
  });

  describe("into a bucket", () => {
    it("make an object of the same lines, and tell its progress and its place", async () => {
      const { access, objects } = open([1, 9], { progressEveryMs: 0 });
      const messages = [];
      for await (const message of exportAuditToBucket(access, request, options)) messages.push(message);
      expect(messages.slice(0, -1).map(toText)).to.include("progress 1 1").and.include("progress 9 2");
      const made = messages.at(-1);
      if (made?.kind !== "export") throw new Error("the last message names no object");
      expect(made).to.deep.include({ bucket: "bucket", count: 2, lastSequence: LAST });
      expect(made.key).to.match(/^prefix\/exports\/audit\/2023-11-21T22-13-20Z-.*\.ndjson\.gz$/);
      const { bytes } = objects.download(made.url);
      expect(made.sizeBytes).to.equal(bytes.length);
      const lines = gunzipSync(bytes).toString().trim().split("\n");
      expect(lines.map((line) => toText(JSON.parse(line)))).to.deep.equal(["entry 1", "entry 9", "end  2"]);
    });

    it("make none for a caller who does not wait for it, or where storage fails", async () => {
      const { access, objects } = open([1, 9], { progressEveryMs: 0 });
      const left = exportAuditToBucket(access, request, options);
      await left.next();
      await left.return();
      const away = new DomainError("unavailable", "away", { reason: "STORAGE_UNAVAILABLE" });
      objects.faults.add("writeStream", { kind: "fail", error: away });
      expect(await catchError(() => read(exportAuditToBucket(access, request, options)))).to.equal(away);
      const { versions } = await objects.listVersions("bucket", { keyPrefix: "", pageMax: 10 });
      expect(versions).to.deep.equal([]);
    });
  });
});
