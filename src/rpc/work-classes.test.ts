import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import { shareOf, type WorkLimits } from "../domain/limits/work-limiter.ts";
import { catchError, SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import type { CallOptions } from "./calls/caller-context.ts";
import { createWorkLimiters, limitWork, WORK_LIMITS, type WorkClass } from "./work-classes.ts";

/**
 * Functions of the API that end when the test says so, and a list of the calls that have begun: "a getFile" is a call of
 * caller a.
 */
function createCalls(limits = WORK_LIMITS) {
  const begun: string[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const functions = new Proxy({} as Record<string, unknown>, {
    get:
      (_functions, name: string) =>
      async (_request: unknown, { caller }: CallOptions) => {
        begun.push(`${caller.principal} ${name}`);
        await ended;
      },
  });
  // limitWork copies the functions that it is given, so those that it has classes for must be there.
  const named = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, functions[name]]));
  const limiters = createWorkLimiters(limits);
  const limited = limitWork(
    {
      fileQueries: named(["getFile", "listFiles", "searchFiles", "listGenerations", "listLinks"]),
      fileCommands: named([
        ...["createDownloadUrl", "updateFile", "deleteFile", "undeleteFile", "moveFile", "restoreGeneration"],
        ...["createLink", "revokeLink", "copyFile", "purgeFile", "purgeFiles"],
      ]),
      audit: named(["listAuditEntries", "getInclusionProof"]),
      privacy: named(["exportDataSubject", "eraseDataSubject"]),
      jobs: named([
        ...[
          "listJobs",
          "startPurge",
          "startCopy",
          "startAuditExport",
          "getOperation",
          "listOperations",
          "waitOperation",
          "cancelOperation",
        ],
      ]),
      subscriptions: named([
        ...["createSubscription", "getSubscription", "listSubscriptions", "updateSubscription"],
        ...["deleteSubscription", "redeliverEvents"],
      ]),
      uploads: named([
        ...["createUpload", "completeUpload", "abortUpload", "getUpload", "signParts", "admitPart", "writePart"],
      ]),
    } as unknown as Parameters<typeof limitWork>[0],
    limiters,
  );
  const { fileQueries, fileCommands, uploads, audit, privacy, jobs, subscriptions } = limited;
  const all: Record<string, unknown> = {
    ...fileQueries,
    ...fileCommands,
    ...uploads,
    ...audit,
    ...privacy,
    ...jobs,
    ...subscriptions,
  };
  const call = (principal: string, name: string, request: object = { filter: "" }) => {
    const work = all[name] as (request: object, options: CallOptions) => Promise<unknown>;
    return work(request, {
      caller: { ...SAMPLE_CALLER, principal },
      position: undefined,
      signal: new AbortController().signal,
    });
  };
  return { begun, end, call, limiters };
}

describe("limitWork", () => {
  /** Reads of files and exports are streams, which enter their class by themselves. */
  type CalledClass = Exclude<WorkClass, "reads of files" | "exports of the audit log">;
  const CLASSES = Object.entries({
    lookups: ["getFile", "createDownloadUrl", "getSubscription", "listSubscriptions", "getOperation"],
    pages: ["listFiles", "listGenerations", "listLinks", "listJobs", "listOperations"],
    "filtered reads": ["searchFiles", "listAuditEntries", "exportDataSubject"],
    commands: [
      ...["updateFile", "deleteFile", "undeleteFile", "moveFile", "restoreGeneration", "createLink", "revokeLink"],
      ...["createUpload", "createSubscription", "updateSubscription", "deleteSubscription", "redeliverEvents"],
      ...["startPurge", "startCopy", "startAuditExport", "cancelOperation"],
    ],
    "calls to storage": [
      "eraseDataSubject",
      "purgeFile",
      "purgeFiles",
      "completeUpload",
      "abortUpload",
      "getUpload",
      "signParts",
      "getInclusionProof",
    ],
    "waits for operations": ["waitOperation"],
    copies: ["copyFile"],
  } satisfies Record<CalledClass, string[]>) as [CalledClass, string[]][];

  for (const [workClass, names] of CLASSES) {
    it(`bounds ${workClass}, and keeps places for other callers`, async () => {
      const { begun, end, call, limiters } = createCalls();
      const { runningMax, waitingMax, callerShare }: WorkLimits = WORK_LIMITS[workClass];
      const [runningOwn, waitingOwn] = [runningMax, waitingMax].map((max) => shareOf(max, callerShare));
      const own = Array.from({ length: (runningOwn ?? 0) + (waitingOwn ?? 0) }, (_, index) =>
        call("a", names[index % names.length] as string),
      );
      for (const name of names) {
        expect(await catchError(() => call("a", name))).to.include({
          code: "resource_exhausted",
          reason: "OVERLOADED",
        });
      }
      const others = call("b", names[0] as string);
      await turn();
      expect(begun.length).to.equal((runningOwn ?? 0) + (runningMax >= 8 ? 1 : 0));
      end();
      await Promise.all([...own, others]);
      expect(limiters[workClass].running).to.equal(0);
    });
  }

  it("takes lists with a filter for filtered reads, and those without for pages", async () => {
    const { begun, end, call } = createCalls();
    const searches = [1, 2, 3].map(() => call("a", "searchFiles"));
    const filtered = call("b", "listFiles", { filter: "size_bytes > 5" });
    const plain = call("c", "listFiles", { filter: " " });
    await turn();
    expect(begun).to.deep.equal([...searches.map(() => "a searchFiles"), "c listFiles"]);
    end();
    await Promise.all([...searches, filtered, plain]);
  });

  it("gives another caller its turn before those who have had theirs", async () => {
    const { begun, end, call } = createCalls({ ...WORK_LIMITS, lookups: { runningMax: 2, waitingMax: 2000 } });
    const own = Array.from({ length: 1000 }, () => call("a", "getFile"));
    const other = call("b", "getFile");
    end();
    await Promise.all([...own, other]);
    expect(begun.indexOf("b getFile")).to.be.lessThan(5);
  });

  it("leaves to upload slots what they bound", async () => {
    const { begun, end, call } = createCalls();
    const parts = Array.from({ length: 500 }, () => call("a", "writePart"));
    await turn();
    expect(begun).to.have.length(500);
    end();
    await Promise.all(parts);
  });
});
