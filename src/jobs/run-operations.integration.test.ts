import { expect } from "chai";
import { sql } from "slonik";
import { z } from "zod";
import type { OperationWorker } from "../commands/operations/operation-worker.ts";
import { startPurge } from "../commands/operations/start-operation.ts";
import { DomainError } from "../domain/errors.ts";
import type { FileChange } from "../domain/files/file-repository.ts";
import type { Operation, OperationLimits } from "../domain/jobs/operation.ts";
import type { OperationRepository } from "../domain/jobs/operation-repository.ts";
import { createOperationRepository } from "../postgres/operations.ts";
import { createPostgresSubject } from "../testing/rigs/database/postgres-subject.ts";
import { commitFile, nextIdentity, nextUuid } from "../testing/rigs/database/repository-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { catchError, SAMPLE_CALLER, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { runOperations } from "./run-operations.ts";

const LIMITS: OperationLimits = { openMax: 5, runningMax: 2, runningInAllMax: 3, keptMs: 1000 };
const PACE = { everyMs: 5, looksMax: 1, retryAfterMs: 5 };
const NOT_STARTED = { step: () => Promise.reject(new Error("none was started")), abandon: async () => {} };
const COUNTS = { matched: 0, purged: 0, retained: 0 };

describe("operations", () => {
  let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
  let operations: OperationRepository;
  beforeEach(async () => {
    subject = await createPostgresSubject();
    operations = createOperationRepository(subject.pools.commands);
  });
  afterEach(() => subject.close());

  const namespaces = new Map(
    ["default", "other"].flatMap((name) => [...sampleNamespaces({ name }).values()].map((one) => [name, one] as const)),
  );
  const start = (options: { namespace?: string; requestId?: string; filter?: string; principal?: string } = {}) => {
    const { namespace = "default", requestId = nextUuid(), filter = "size_bytes > 0", principal } = options;
    const caller = { ...SAMPLE_CALLER, ...(principal !== undefined && { principal }) };
    const request = { namespace, requestId, filter, includeLive: false, includeSuperseded: false };
    return startPurge({ operations, namespaces, limits: LIMITS }, request, { caller });
  };
  type Step = OperationWorker<"purge">["step"];
  const abandoned: string[] = [];
  const logged: object[] = [];
  const run = (step: Step, options: { looksMax?: number; signal?: AbortSignal; of?: OperationRepository } = {}) => {
    const { looksMax = 1, signal = new AbortController().signal, of = operations } = options;
    const abandon = async ({ operationId }: Operation) => void abandoned.push(operationId);
    const log = { warn: (details: object) => void logged.push(details) };
    const access = {
      operations: of,
      workers: { purge: { step, abandon }, copy: NOT_STARTED, auditExport: NOT_STARTED },
      log,
    };
    return runOperations(access, { limits: LIMITS, pace: { ...PACE, looksMax }, signal });
  };
  /** Ends after three steps. */
  const countToThree: Step = async ({ cursor, progress }) => {
    const counted = { ...progress, purged: progress.purged + 1 };
    return cursor === "2"
      ? { progress: counted, response: counted }
      : { progress: counted, cursor: String(Number(cursor) + 1) };
  };
  const get = ({ namespace, operationId }: Operation) => operations.get(namespace, operationId);

  it("do their work step by step, and answer what they have done", async () => {
    const started = await start();
    expect(started).to.deep.include({
      beginTime: undefined,
      endTime: undefined,
      progress: COUNTS,
      caller: SAMPLE_CALLER,
    });
    await run(countToThree);
    const ended = await get(started);
    expect(ended).to.deep.include({ response: { ...COUNTS, purged: 3 }, error: undefined, cursor: "" });
    expect(ended.beginTime).to.be.instanceOf(Date);
    expect(ended.endTime).to.be.instanceOf(Date);
  });

  it("are started once by one request, and not by it with other content", async () => {
    const requestId = nextUuid();
    const both = await Promise.all([start({ requestId }), start({ requestId })]);
    expect(new Set(both.map(({ operationId }) => operationId)).size).to.equal(1);
    await run(countToThree);
    expect((await start({ requestId })).response).to.deep.equal({ ...COUNTS, purged: 3 });
    const error = await catchError(() => start({ requestId, filter: "size_bytes > 1" }));
    expect(error).to.include({ code: "invalid_argument", reason: "REQUEST_ID_REUSED" });
    expect((await start({ requestId, principal: "dev:other" })).operationId).to.not.equal(both[0]?.operationId);
  });

  it("are refused while as many of the namespace wait or work as may, and not for those of another", async () => {
    const requestId = nextUuid();
    const first = await start({ requestId });
    for (let count = 1; count < LIMITS.openMax; count++) await start();
    const error = await catchError(() => start());
    expect(error).to.include({ code: "resource_exhausted", reason: "OVERLOADED" });
    expect(error)
      .to.have.property("message")
      .that.matches(/^5 operations of namespace default wait or work, which is the limit; /);
    expect((await start({ requestId })).operationId, "the same request").to.equal(first.operationId);
    await start({ namespace: "other" });
  });

  it("work two at once in a namespace and three in all, the oldest first, and the others wait", async () => {
    const all = [await start(), await start(), await start()];
    for (const namespace of ["other", "other"]) all.push(await start({ namespace }));
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const order: string[] = [];
    const work: Parameters<typeof run>[0] = async ({ operationId, progress }) => {
      order.push(operationId);
      await released;
      return { progress, response: progress };
    };
    const running = run(work, { looksMax: 20 });
    await until("three work", () => order.length === 3);
    const [a, b, c, d, e] = all.map(({ operationId }) => operationId);
    expect([...order]).to.have.members([a, b, d]);
    expect((await get(all[2] as Operation)).beginTime, "it waits").to.equal(undefined);
    release();
    await running;
    // That run may have had its looks before the first three ended.
    await run(work);
    // A step whose outcome could not be recorded in time is made again.
    expect([...new Set(order)].slice(3)).to.have.members([c, e]);
  });

  it("go on from the cursor in a later run, after one that was cut, and count no step twice", async () => {
    const started = await start();
    const cut = new AbortController();
    await run(
      async (operation, options) => {
        if (operation.cursor === "1") {
          cut.abort(new Error("the service stops"));
          options.signal.throwIfAborted();
        }
        return await countToThree(operation, options);
      },
      { signal: cut.signal },
    );
    expect(await get(started)).to.deep.include({ cursor: "1", endTime: undefined, progress: { ...COUNTS, purged: 1 } });
    await run(countToThree);
    expect((await get(started)).response).to.deep.equal({ ...COUNTS, purged: 3 });
  });

  it("count a step once that two replicas have made", async () => {
    const started = await start();
    const { promise: overtaken, resolve: overtake } = Promise.withResolvers<void>();
    let [isSlow, steps] = [true, 0];
    const slow = run(async (operation, options) => {
      steps++;
      if (isSlow) {
        isSlow = false;
        await overtaken;
      }
      return await countToThree(operation, options);
    });
    await until("the first one is in its step", () => !isSlow);
    await run(countToThree);
    overtake();
    await slow;
    expect(steps).to.equal(1);
    expect((await get(started)).response).to.deep.equal({ ...COUNTS, purged: 3 });
  });

  it("end when they are cancelled, in the middle of a step or while they wait, and leave nothing behind", async () => {
    const all = [await start(), await start(), await start()];
    const held = run(
      (_operation, { signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
      { looksMax: 100 },
    );
    await until("two work", async () => (await get(all[1] as Operation)).beginTime !== undefined);
    for (const { namespace, operationId } of all) {
      const asked = await operations.cancel(namespace, operationId);
      expect(asked.cancelTime).to.be.instanceOf(Date);
    }
    await held;
    for (const one of all) {
      const ended = await get(one);
      expect(ended.error).to.include({ code: "cancelled", reason: "CANCELLED" });
      expect(await operations.cancel(ended.namespace, ended.operationId), "again").to.deep.equal(ended);
      expect(abandoned).to.include(ended.operationId);
    }
  });

  it("try again what fails for now, tell it, and end with what fails for good", async () => {
    const [first, second, third] = [await start(), await start(), await start({ namespace: "other" })];
    const away = new DomainError("unavailable", "storage is away", { reason: "STORAGE_UNAVAILABLE" });
    const denied = new DomainError("permission_denied", "you may not", { reason: "PERMISSION_DENIED" });
    let failures = 0;
    const { errors } = await run(
      async (operation, options) => {
        if (operation.operationId === second.operationId) throw denied;
        if (operation.operationId === third.operationId) throw new Error("password=1234");
        if (operation.cursor === "1" && failures++ < 2) throw away;
        return await countToThree(operation, options);
      },
      { looksMax: 50 },
    );
    expect(errors).to.deep.equal([away, away]);
    expect((await get(first)).response).to.deep.equal({ ...COUNTS, purged: 3 });
    expect((await get(second)).error).to.deep.equal({
      ...{ code: "permission_denied", reason: "PERMISSION_DENIED", message: "you may not" },
    });
    expect((await get(third)).error).to.deep.equal({
      ...{ code: "internal", reason: "INTERNAL", message: "internal error; the log of the service says more" },
    });
    expect(logged).to.have.lengthOf(1);
  });

  it("keep nothing after their end that could name a person but who has started them", async () => {
    const filter = 'data_subject = "jane"';
    const caller = { ...SAMPLE_CALLER, address: "192.0.2.7", session: "jane", groups: ["idp:jane"] };
    const request = { namespace: "default", filter, includeLive: false, includeSuperseded: false };
    const access = { operations, namespaces, limits: LIMITS };
    const [done, failed] = [
      await startPurge(access, { ...request, requestId: nextUuid() }, { caller }),
      await startPurge(access, { ...request, requestId: nextUuid() }, { caller }),
    ];
    expect((await get(done)).request).to.deep.include({ filter });
    await run(async ({ operationId, progress }) => {
      if (operationId === done.operationId) return { progress, response: progress };
      throw new DomainError("invalid_argument", `${filter} is no filter`, { reason: "FILTER_INVALID" });
    });
    expect(await get(done)).to.deep.include({ response: COUNTS, error: undefined });
    expect((await get(failed)).error).to.include({ reason: "FILTER_INVALID", message: "the filter is no filter" });
    const rows = await subject.pools.commands.any(
      sql.type(z.object({ kept: z.string() }))`SELECT o::text AS kept FROM operation o WHERE o.end_time IS NOT NULL`,
    );
    expect(rows).to.have.lengthOf(2);
    for (const { kept } of rows)
      expect(kept)
        .to.contain(caller.principal)
        .and.not.match(/jane|192\.0\.2\.7/);
  });

  it("tell the path of a copy as its file has it now, so that an erasure reaches it", async () => {
    const upload = await commitFile(subject, "jane/copy.txt");
    const { fileId = "" } = upload.file ?? {};
    const copied = { path: "jane/a.txt", targetPath: "jane/copy.txt", etag: "", values: {} as FileChange };
    const started = await operations.start(
      {
        operationId: nextUuid(),
        kind: "copy",
        caller: SAMPLE_CALLER,
        request: copied,
        progress: { copiedBytes: 0, sizeBytes: 0 },
      },
      nextIdentity({ method: "StartCopy" }),
      LIMITS,
    );
    const response = { fileId, path: "jane/copy.txt", generation: 1 };
    const ended = await operations.save(started, { progress: { copiedBytes: 10, sizeBytes: 10 }, response });
    expect(ended?.response).to.deep.equal(response);
    const move = { identity: nextIdentity({ method: "MoveFile" }), targetPath: "moved.txt", retentionMs: 1 };
    await subject.files.move("default", "jane/copy.txt", move);
    expect((await get(started)).response).to.deep.equal({ ...response, path: "moved.txt" });
    const kept = await subject.pools.commands.oneFirst(
      sql.type(z.object({ kept: z.string() }))`SELECT o::text AS kept FROM operation o`,
    );
    expect(kept).to.not.contain("jane");
  });

  it("are kept for a while after their end, and forgotten then", async () => {
    const [ended, open] = [await start(), await start()];
    await operations.cancel("default", ended.operationId);
    await run(() => Promise.reject(new DomainError("unavailable", "away", { reason: "STORAGE_UNAVAILABLE" })));
    await operations.forget({ olderThanMs: 3_600_000, limit: 10 });
    expect((await get(ended)).error?.reason).to.equal("CANCELLED");
    await operations.forget({ olderThanMs: -1, limit: 10 });
    const error = await catchError(() => get(ended));
    expect(error).to.include({ code: "not_found", reason: "OPERATION_NOT_FOUND" });
    expect((await get(open)).endTime).to.equal(undefined);
  });
});
