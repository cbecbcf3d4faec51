import { expect } from "chai";
import { WHOLE_NAMESPACE } from "../../domain/access/path-scope.ts";
import { DomainError } from "../../domain/errors.ts";
import type { Journal } from "../../domain/journal/journal.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import { WorkLimiter } from "../../domain/limits/work-limiter.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type ExportAccess, exportAudit } from "./export-audit.ts";

const LAST = 10;

describe("exports of the audit log", () => {
  /** The numbers of the entries that match, among those up to LAST; one statement reads three. */
  const open = (matching: readonly number[], { progressEveryMs = 60_000, first = 1 } = {}) => {
    const stretches: Parameters<Journal["readMatching"]>[1][] = [];
    const kept = { first };
    const access: ExportAccess = {
      journal: {
        readMatching: async (_namespace, query) => {
          stretches.push(query);
          const through = Math.min(query.after + query.limit, query.through);
          const entries = matching
            .filter((sequence) => sequence > query.after && sequence <= through)
            .map((sequence) => ({ sequence }) as JournalEntry);
          return { entries, through, first: kept.first };
        },
      },
      log: { bounds: async () => ({ origin: "", first, last: LAST }) },
      namespaces: sampleNamespaces(),
      exports: new WorkLimiter("exports", { runningMax: 2, waitingMax: 0, callerShare: 1 / 2 }),
      limits: { stretchMax: 3, progressEveryMs },
    };
    return { access, stretches, kept };
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

  it("ends once entries were dropped that it has not read, and not for others", async () => {
    const { access, kept } = open([1, 2, 3, 4, 5]);
    const messages = exportAudit(access, request, options);
    for (let sequence = 1; sequence <= 3; sequence++) await messages.next();
    kept.first = 4;
    expect((await messages.next()).value).to.deep.include({ kind: "entry", entry: { sequence: 4 } });
    kept.first = 8;
    expect(await catchError(() => read(messages))).to.include({ reason: "EVENTS_RESET", field: "after_sequence" });
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
});
