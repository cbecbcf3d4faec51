import { expect } from "chai";
import type { Caller } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import type { NewEntry, RecordOptions } from "../domain/journal/new-entry.ts";
import { RECORDED_CALLS } from "../domain/journal/recorded-calls.ts";
import { fileNotFound, namespaceNotFound } from "../domain/repository-refusals.ts";
import { catchError, sampleFile, sampleNamespace } from "../testing/samples/sample-records.ts";
import type { BoundFunctions } from "./bound-functions.ts";
import { recordCalls } from "./record-calls.ts";

const CALLER: Caller = { principal: "acme:alice", groups: [], tokenKind: "oidc", address: "192.0.2.7", session: "s" };
const UUID = "0190A3B4-5c6d-7e8f-9a0b-000000000007";
const TIME = new Date("2026-11-30T12:00:00Z");
const denied = () => new DomainError("permission_denied", "no", { reason: "PERMISSION_DENIED" });

type Work = (request: object, options: object) => unknown;

/** Functions that do `work`, recorded; and what was recorded, with the way of recording it. */
function createRecorded(work: Work, { committed = Promise.resolve() }: { committed?: Promise<void> } = {}) {
  const recorded: [NewEntry, RecordOptions][] = [];
  const functions = Object.fromEntries(Object.keys(RECORDED_CALLS).map((name) => [name, work]));
  const groups = {
    uploads: functions,
    fileQueries: functions,
    fileCommands: functions,
    namespaces: functions,
    audit: functions,
    privacy: {},
    jobs: {},
    events: functions,
    subscriptions: functions,
  };
  const { fileQueries } = recordCalls(groups as unknown as BoundFunctions, {
    record: (entry, options) => {
      recorded.push([entry, options]);
      return options.isRequired ? committed : undefined;
    },
    namespaces: new Map([
      ["default", sampleNamespace()],
      ["strict", sampleNamespace({ name: "strict", audit: "required" })],
    ]),
    now: () => TIME,
  });
  const calls = fileQueries as unknown as Record<string, Work>;
  const call = async (name: string, request: object) =>
    await calls[name]!({ namespace: "default", ...request }, { caller: CALLER, signal: new AbortController().signal });
  return {
    recorded,
    call,
    stream: (name: string, request: object) => calls[name]!(request, { caller: CALLER }) as AsyncIterable<string>,
  };
}

const fail = (error: unknown) => () => Promise.reject(error);

describe("recordCalls", () => {
  it("says who read which file", async () => {
    const file = sampleFile({ dataSubject: "customer-7" });
    const { recorded, call } = createRecorded(async () => file);
    expect(await call("getFile", { path: "as requested" })).to.equal(file);
    const { principal, tokenKind, address, session } = CALLER;
    expect(recorded).to.deep.equal([
      [
        {
          namespace: "default",
          action: "GetFile",
          outcome: "done",
          resource: { kind: "file", id: file.fileId, generation: file.generation },
          actor: { principal, tokenKind, address, session, traceId: undefined, spanId: undefined, tokenId: undefined },
          path: file.path,
          dataSubject: "customer-7",
          time: TIME,
          times: 1,
        },
        { isSummed: true, isRequired: false },
      ],
    ]);
  });

  for (const [name, request, kind, path, isSummed] of [
    ["listFiles", { prefix: "a/" }, "prefix", "a/", true],
    ["searchFiles", {}, "prefix", "", true],
    ["listGenerations", { path: "a" }, "file", "a", true],
    ["getUpload", { uploadId: UUID }, "upload", "", true],
    ["signParts", { uploadId: UUID }, "upload", "", false],
    ["createDownloadUrl", { path: "a" }, "file", "a", false],
    ["getNamespace", {}, "namespace", "", true],
    ["getGrants", {}, "namespace", "", false],
    ["getUsage", {}, "namespace", "", false],
  ] as const) {
    it(`records a ${name} that succeeds ${isSummed ? "in a sum" : "by itself"}`, async () => {
      const { recorded, call } = createRecorded(async () => ({}));
      await call(name, request);
      const [[entry, options] = []] = recorded;
      expect([entry?.resource.kind, entry?.path, options?.isSummed]).to.deep.equal([kind, path, isSummed]);
      if ("uploadId" in request) expect(entry?.resource.id).to.equal(UUID.toLowerCase());
    });
  }

  it("leaves a change that succeeds to its own statement, and records one that fails", async () => {
    const { recorded, call } = createRecorded(async () => sampleFile());
    await call("deleteFile", { path: "a" });
    expect(recorded).to.deep.equal([]);
    const failing = createRecorded(fail(fileNotFound("a")));
    const error = await catchError(() => failing.call("deleteFile", { path: "a", requestId: UUID }));
    expect(error).to.include({ reason: "FILE_NOT_FOUND" });
    const [[entry, options] = []] = failing.recorded;
    expect(entry).to.include({ action: "DeleteFile", outcome: "FILE_NOT_FOUND", path: "a" });
    expect(entry?.actor).to.include({ requestId: UUID });
    expect(options).to.deep.equal({ isSummed: false, isRequired: false });
  });

  it("sums the failures of reads, and enters each denial by itself", async () => {
    const missing = createRecorded(fail(fileNotFound("a")));
    await catchError(() => missing.call("getFile", { path: "a" }));
    expect(missing.recorded[0]?.[1].isSummed).to.equal(true);
    for (const error of [denied(), fileNotFound("a").hiding("PERMISSION_DENIED")]) {
      const { recorded, call } = createRecorded(fail(error));
      expect(await catchError(() => call("getFile", { path: "a" }))).to.equal(error);
      expect(recorded[0]?.[0]).to.include({ outcome: "PERMISSION_DENIED", path: "a" });
      expect(recorded[0]?.[1].isSummed).to.equal(false);
    }
  });

  it("records parts when they are denied, and only then", async () => {
    const failed = createRecorded(fail(new DomainError("aborted", "slow", { reason: "STALLED" })));
    await catchError(() => failed.call("writePart", { uploadId: UUID }));
    expect(failed.recorded).to.deep.equal([]);
    const refused = createRecorded(fail(denied()));
    await catchError(() => refused.call("writePart", { uploadId: UUID }));
    expect(refused.recorded.map(([{ action }]) => action)).to.deep.equal(["WritePart"]);
  });

  it("records what a stream that writes was to create", async () => {
    const { recorded, call } = createRecorded(fail(denied()));
    await catchError(() => call("beginWrite", { create: { namespace: "default", path: "new", requestId: UUID } }));
    expect(recorded[0]?.[0]).to.include({ action: "WriteUpload", namespace: "default", path: "new" });
  });

  it("takes unknown namespaces, and what is about several, to the journal of the service", async () => {
    const { recorded, call } = createRecorded(async () => ({}));
    await call("getResidencyReport", {});
    await call("listNamespaces", {});
    const failing = createRecorded(fail(namespaceNotFound("nothing")));
    await catchError(() => failing.call("deleteFile", { namespace: "nothing", path: "secret" }));
    await catchError(() => failing.call("createNamespace", { name: "strict" }));
    const entries = [...recorded, ...failing.recorded];
    for (const [entry] of entries)
      expect(entry).to.deep.include({ namespace: "", path: "", resource: { kind: "service" } });
    expect(entries.map(([, { isSummed, isRequired }]) => [isSummed, isRequired])).to.deep.equal([
      [false, false],
      [true, false],
      [true, false],
      [false, false],
    ]);
  });

  it("cuts a path that no file could have", async () => {
    const { recorded, call } = createRecorded(fail(fileNotFound("a")));
    await catchError(() => call("getFile", { path: "a".repeat(100_000) }));
    expect(recorded[0]?.[0].path).to.have.length(1024);
  });

  it("sums what comes for many calls at once, and records no call that found no turn", async () => {
    const away = createRecorded(fail(new DomainError("unavailable", "away", { reason: "DATABASE_UNAVAILABLE" })));
    await catchError(() => away.call("deleteFile", { namespace: "strict" }));
    expect(away.recorded[0]?.[1]).to.deep.equal({ isSummed: true, isRequired: false });
    const full = createRecorded(fail(new DomainError("resource_exhausted", "full", { reason: "OVERLOADED" })));
    await catchError(() => full.call("getFile", {}));
    expect(full.recorded).to.deep.equal([]);
  });

  describe("where the namespace requires it", () => {
    const refusal = new DomainError("unavailable", "no journal", { reason: "AUDIT_UNAVAILABLE" });

    it("gives neither an answer nor a denial before the entry is committed", async () => {
      const { promise: committed, resolve: commit } = Promise.withResolvers<void>();
      const order: string[] = [];
      const good = createRecorded(async () => sampleFile(), { committed });
      const bad = createRecorded(fail(denied()), { committed });
      const answers = [good.call("getFile", { namespace: "strict" }), bad.call("getFile", { namespace: "strict" })];
      const settled = answers.map((answer) =>
        answer.then(
          () => order.push("answer"),
          () => order.push("denial"),
        ),
      );
      await new Promise((resolve) => setImmediate(resolve));
      order.push("commit");
      commit();
      await Promise.all(settled);
      expect(order).to.deep.equal(["commit", "answer", "denial"]);
    });

    it("refuses the call when the entry cannot be written", async () => {
      for (const work of [async () => sampleFile(), fail(denied())]) {
        const { call } = createRecorded(work, { committed: Promise.reject(refusal) });
        expect(await catchError(() => call("getFile", { namespace: "strict" }))).to.equal(refusal);
      }
    });

    it("does not let a namespace be found out by the wait", async () => {
      const { recorded, call } = createRecorded(fail(namespaceNotFound("strict").hiding("PERMISSION_DENIED")));
      await catchError(() => call("getFile", { namespace: "strict" }));
      expect(recorded[0]?.[0]).to.include({ namespace: "strict", outcome: "PERMISSION_DENIED" });
      expect(recorded[0]?.[1].isRequired).to.equal(false);
    });

    it("gives no byte of a stream before the entry is committed, and none without it", async () => {
      const work = async function* () {
        yield "header";
        yield "bytes";
      };
      const given: string[] = [];
      const { stream } = createRecorded(work, { committed: Promise.reject(refusal) });
      const error = await catchError(async () => {
        for await (const message of stream("readFile", { namespace: "strict" })) given.push(message);
      });
      expect([error, given]).to.deep.equal([refusal, []]);
    });
  });

  it("records a stream once, when it has something to give, and again when it breaks", async () => {
    const work = async function* () {
      yield { kind: "header", file: sampleFile() };
      yield { kind: "chunk" };
      throw denied();
    };
    const { recorded, stream } = createRecorded(work);
    await catchError(async () => {
      for await (const _ of stream("readFile", { namespace: "default", path: "a" }));
    });
    expect(recorded.map(([{ outcome, resource }]) => [outcome, resource.id])).to.deep.equal([
      ["done", sampleFile().fileId],
      ["PERMISSION_DENIED", undefined],
    ]);
  });
});
