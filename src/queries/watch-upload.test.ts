import { expect } from "chai";
import type { Caller } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import type { UploadCatalogue, UploadStatus } from "../domain/uploads/upload-catalogue.ts";
import { ManualClock } from "../testing/fakes/manual-clock.ts";
import { settle } from "../testing/fakes/settle.ts";
import { until } from "../testing/rigs/until.ts";
import {
  catchError,
  SAMPLE_CALLER,
  sampleFile,
  sampleNamespaces,
  sampleUpload,
} from "../testing/samples/sample-records.ts";
import { UploadWatches, WATCH_LIMITS, type WatchLimits, type WatchReport } from "./upload-watches.ts";
import { watchUpload } from "./watch-upload.ts";

const { uploadId } = sampleUpload();
const OTHER_ID = "0190a3b4-5c6d-7e8f-9a0b-0000000000bb";
const LIMITS = { ...WATCH_LIMITS, pollMinMs: 1, pollMaxMs: 4, messageMinMs: 0, messageMaxMs: 60_000 };

function sampleStatus(overrides: Partial<UploadStatus> = {}): UploadStatus {
  const { namespace, path, state } = sampleUpload();
  const sizes = { sizeBytes: 1000, receivedBytes: 0, durableBytes: 0 };
  return { uploadId, namespace, path, state, ...sizes, file: undefined, ...overrides };
}

/** The uploads of a test as the database has them; `failure` is what asking ends with. */
class ScriptedUploads implements Pick<UploadCatalogue, "listStatus"> {
  readonly statuses = new Map([[uploadId, sampleStatus()]]);
  readonly asked: (readonly string[])[] = [];
  failure: Error | undefined;
  waits: Promise<void> | undefined;

  async listStatus(uploadIds: readonly string[]): Promise<UploadStatus[]> {
    this.asked.push(uploadIds);
    await this.waits;
    if (this.failure !== undefined) throw this.failure;
    return uploadIds.flatMap((id) => this.statuses.get(id) ?? []);
  }

  change(overrides: Partial<UploadStatus>, id = uploadId): void {
    this.statuses.set(id, { ...(this.statuses.get(id) ?? sampleStatus({ uploadId: id })), ...overrides });
  }
}

describe("watchUpload", () => {
  let uploads: ScriptedUploads;
  let watches: UploadWatches;
  let open: AsyncGenerator<WatchReport>[];

  const startWatches = (limits: Partial<WatchLimits> = {}, options: { triesMax?: number; now?: () => number } = {}) => {
    const { triesMax = 3, now } = options;
    const backoff = { triesMax, baseDelayMs: 1, delayMaxMs: 1, timeMaxMs: 60_000, random: () => 1 };
    watches = new UploadWatches({ catalogue: uploads, backoff, limits: { ...LIMITS, ...limits }, ...(now && { now }) });
  };
  const watch = (request: { namespace?: string; uploadId?: string; signal?: AbortSignal; caller?: Caller } = {}) => {
    const { signal, caller = SAMPLE_CALLER, ...named } = request;
    const deps = { watches, namespaces: sampleNamespaces({}) };
    const options = { caller, ...(signal !== undefined && { signal }) };
    const reports = watchUpload(deps, { namespace: "default", uploadId, ...named }, options);
    open.push(reports);
    return reports;
  };
  const next = async (reports: AsyncGenerator<WatchReport>): Promise<WatchReport> => {
    const { value, done } = await reports.next();
    return done === true ? expect.fail("the watch has ended") : value;
  };
  const gone = new DomainError("unavailable", "it is away", { reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1000 });

  beforeEach(() => {
    uploads = new ScriptedUploads();
    open = [];
    startWatches();
  });

  afterEach(async () => {
    // One that waits ends by the drain; one that was not begun, or has just been told, by its return.
    watches.drain();
    for (const reports of open) await reports.return(undefined).catch(() => {});
    expect(watches.size).to.equal(0);
  });

  it("tells at once how far the upload is, then each change, then the outcome, and ends", async () => {
    const reports = watch({ uploadId: uploadId.toUpperCase() });
    expect(await next(reports)).to.deep.equal({ ...sampleStatus(), bytesPerSecond: undefined, etaMs: undefined });
    uploads.change({ receivedBytes: 500, durableBytes: 400 });
    expect(await next(reports)).to.include({ receivedBytes: 500, durableBytes: 400, state: "open" });
    uploads.change({ state: "completing", receivedBytes: 1000, durableBytes: 1000 });
    expect(await next(reports)).to.include({ state: "completing", etaMs: 0 });
    uploads.change({ state: "committed", file: sampleFile() });
    expect(await next(reports)).to.deep.include({ state: "committed", file: sampleFile(), etaMs: undefined });
    expect(await reports.next()).to.deep.include({ done: true });
  });

  for (const state of ["committed", "aborted", "expired"] as const) {
    it(`tells who comes late that the upload is ${state}`, async () => {
      uploads.change({ state });
      const reports = watch();
      expect(await next(reports)).to.include({ state });
      expect(await reports.next()).to.deep.include({ done: true });
    });
  }

  describe("by the clock", () => {
    const clock = new ManualClock();
    let now = 0;
    beforeEach(() => clock.install());
    afterEach(() => clock.uninstall());
    /** Lets time pass by milliseconds, with what follows from each. */
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed++) {
        now++;
        clock.tick(1);
        await settle();
      }
    };
    const hear = (reports: AsyncGenerator<WatchReport>) => {
      const told: number[] = [];
      const listen = async () => {
        for (;;) told.push((await next(reports)).receivedBytes);
      };
      listen().catch(() => {});
      return told;
    };

    it("says nothing while nothing changes, but a sign of life in time", async () => {
      startWatches({ messageMaxMs: 40 }, { now: () => now });
      const told = hear(watch());
      await pass(40);
      expect(told).to.deep.equal([0]);
      await pass(45);
      expect(told).to.deep.equal([0, 0, 0]);
      expect(uploads.asked.length).to.be.greaterThan(3);
    });

    it("keeps a distance between two messages, and tells the newest then", async () => {
      startWatches({ messageMinMs: 50 }, { now: () => now });
      const told = hear(watch());
      await pass(2);
      for (let receivedBytes = 1; receivedBytes <= 10; receivedBytes++) {
        uploads.change({ receivedBytes });
        await pass(4);
      }
      expect(told).to.deep.equal([0]);
      await pass(10);
      expect(told).to.deep.equal([0, 10]);
    });
  });

  it("asks by one statement for all uploads, however many watch, and for few at a time", async () => {
    startWatches({ uploadsPerStatementMax: 2 });
    const ids = ["1", "2", "3"].map((end) => `${uploadId.slice(0, -1)}${end}`);
    for (const id of ids) uploads.change({}, id);
    const watching = [...ids, ...ids].map((id) => watch({ uploadId: id }));
    const told = await Promise.all(watching.map(next));
    expect(told.map((report) => report.uploadId)).to.deep.equal([...ids, ...ids]);
    expect(Math.max(...uploads.asked.map((asked) => asked.length))).to.equal(2);
    expect(uploads.asked.every((asked) => new Set(asked).size === asked.length)).to.equal(true);
  });

  it("looks less often at what stands still, and no more at what has ended", async () => {
    startWatches({ pollMinMs: 1, pollMaxMs: 1_000_000 });
    await next(watch());
    await until("it waits for long", () => uploads.asked.length >= 8);
    uploads.change({ state: "aborted" }, OTHER_ID);
    const late = watch({ uploadId: OTHER_ID });
    await next(late);
    expect(uploads.asked.filter(([id]) => id === OTHER_ID)).to.have.length(1);
    expect(await next(watch({ uploadId: OTHER_ID }))).to.include({ state: "aborted" });
    expect(uploads.asked.filter(([id]) => id === OTHER_ID)).to.have.length(1);
  });

  it("does not find an upload that is not there, or of another namespace", async () => {
    const absent = await catchError(() => next(watch({ uploadId: OTHER_ID })));
    expect(absent).to.include({ code: "not_found", reason: "UPLOAD_NOT_FOUND" });
    uploads.change({ namespace: "other" });
    const foreign = await catchError(() => next(watch()));
    expect(foreign).to.include({ code: "not_found", reason: "UPLOAD_NOT_FOUND" });
    expect(await catchError(() => next(watch({ namespace: "b" })))).to.include({ reason: "NAMESPACE_NOT_FOUND" });
    expect(await catchError(() => next(watch({ uploadId: "17" })))).to.include({ field: "upload_id" });
  });

  it("admits so many watchers, in all and of one upload", async () => {
    startWatches({ watchersMax: 3, uploadWatchersMax: 2 });
    uploads.change({}, OTHER_ID);
    const [first] = [watch(), watch()];
    await Promise.all(open.map(next));
    const crowded = (await catchError(() => next(watch()))) as DomainError;
    expect(crowded).to.deep.include({ code: "resource_exhausted", reason: "OVERLOADED", retryAfterMs: 1000 });
    expect(crowded.message).to.equal("2 watches of one upload run here, the most at once; try again");
    await next(watch({ uploadId: OTHER_ID }));
    const full = (await catchError(() => next(watch({ uploadId: OTHER_ID })))) as DomainError;
    expect(full.message).to.equal("3 watches run here, the most at once; try again");
    await first?.return(undefined);
    await next(watch());
  });

  it("keeps an eighth of both from any single caller", async () => {
    startWatches({ watchersMax: 16, uploadWatchersMax: 8 });
    uploads.change({}, OTHER_ID);
    const another: Caller = { ...SAMPLE_CALLER, principal: "another" };
    for (const [id, count] of [
      [uploadId, 7],
      [OTHER_ID, 7],
    ] as const) {
      for (let watched = 0; watched < count; watched++) await next(watch({ uploadId: id }));
      const refusal = await catchError(() => next(watch({ uploadId: id })));
      expect(refusal).to.include({ code: "resource_exhausted", reason: "OVERLOADED" });
      expect(refusal).to.have.property("message").that.contains("the most for one caller");
      await next(watch({ uploadId: id, caller: another }));
    }
    expect(watches.size).to.equal(16);
  });

  it("waits while the database is away, with signs of life, and goes on", async () => {
    startWatches({ messageMaxMs: 20 }, { triesMax: 1_000_000 });
    const reports = watch();
    await next(reports);
    uploads.failure = gone;
    expect(await next(reports)).to.include({ receivedBytes: 0 });
    const asked = uploads.asked.length;
    await until("it has failed repeatedly", () => uploads.asked.length > asked + 3);
    uploads.change({ receivedBytes: 7 });
    uploads.failure = undefined;
    await until("it is back", async () => (await next(reports)).receivedBytes === 7);
  });

  it("ends every watch when the database stays away, to be tried again", async () => {
    const [reports, others] = [watch(), watch()];
    await Promise.all([next(reports), next(others)]);
    uploads.failure = gone;
    expect(await catchError(() => next(reports))).to.equal(gone);
    expect(await catchError(() => next(others))).to.equal(gone);
    uploads.failure = undefined;
    expect(await next(watch())).to.include({ state: "open" });
  });

  it("ends by a defect at once", async () => {
    uploads.failure = new TypeError("a defect");
    expect(await catchError(() => next(watch()))).to.equal(uploads.failure);
    expect(uploads.asked).to.have.length(1);
  });

  it("ends when the server drains, after the news that nobody had heard, and admits nobody more", async () => {
    const [waiting, behind] = [watch(), watch()];
    await Promise.all([next(waiting), next(behind)]);
    uploads.change({ receivedBytes: 5 });
    expect(await next(waiting)).to.include({ receivedBytes: 5 });
    const pending = catchError(() => next(waiting));
    const shutDown = { code: "unavailable", reason: "SHUTTING_DOWN", retryAfterMs: 0 };
    watches.drain();
    expect(await pending).to.include(shutDown);
    expect(await next(behind)).to.include({ receivedBytes: 5 });
    expect(await catchError(() => next(behind))).to.include(shutDown);
    expect(await catchError(() => next(watch()))).to.include(shutDown);
  });

  it("ends when the server drains while the database is asked", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    uploads.waits = promise;
    const pending = catchError(() => next(watch()));
    await until("it is asked", () => uploads.asked.length > 0);
    watches.drain();
    expect(await pending).to.include({ reason: "SHUTTING_DOWN" });
    resolve();
  });

  it("ends with the caller's reason, whether it waits or not", async () => {
    const ending = new AbortController();
    const reports = watch({ signal: ending.signal });
    await next(reports);
    const pending = catchError(() => next(reports));
    const reason = new Error("the caller has gone");
    ending.abort(reason);
    expect(await pending).to.equal(reason);
    expect(await catchError(() => next(watch({ signal: ending.signal })))).to.equal(reason);
    expect(watches.size).to.equal(0);
  });
});
