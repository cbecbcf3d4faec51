import { once } from "node:events";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import type { WatchReport } from "../../queries/upload-watches.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { catchError, sampleFile, sampleUpload } from "../../testing/samples/sample-records.ts";
import { createSluiceClient, type SluiceClient } from "../client.ts";
import type { SluiceError } from "../sluice-error.ts";
import type { WatchedUpload, WatchOptions } from "./watch-upload.ts";

const { uploadId, namespace, path } = sampleUpload();
const NOTHING = { sizeBytes: undefined, file: undefined, bytesPerSecond: undefined, etaMs: undefined };
const RETRY = { triesMax: 3, delayBaseMs: 1, delayMaxMs: 1 };
const away = new DomainError("unavailable", "it is away", { reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1 });

function sampleReport(overrides: Partial<WatchReport> = {}): WatchReport {
  return { uploadId, namespace, path, state: "open", receivedBytes: 7, durableBytes: 5, ...NOTHING, ...overrides };
}

/** One stream: its reports, and then how it ends. Without an end it stays silent. */
type Script = (WatchReport | Error | "end" | "silence")[];

describe("watchUpload of the client", () => {
  let scripts: Script[];
  let streams: AbortSignal[];
  let server: ApiServer;
  let client: SluiceClient;

  before(async () => {
    server = await openApiServer({
      uploads: {
        watchUpload: async function* (_request, { signal }) {
          streams.push(signal);
          for (const step of scripts.shift() ?? []) {
            if (step instanceof Error) throw step;
            if (step === "end") return;
            if (step === "silence") await once(signal, "abort");
            else yield step;
          }
        },
      },
    });
    client = createSluiceClient({ url: server.url, token: API_TOKEN });
  });
  after(async () => {
    client.close();
    await server.close({ graceMs: 0 });
  });
  beforeEach(() => {
    [scripts, streams] = [[], []];
  });

  const watchAll = async (options: WatchOptions = {}, by = client): Promise<WatchedUpload[]> => {
    const reports: WatchedUpload[] = [];
    for await (const report of by.watchUpload(uploadId, { retry: RETRY, ...options })) reports.push(report);
    return reports;
  };

  it("tells how far the upload is until its outcome, in plain numbers", async () => {
    const known = { sizeBytes: 10, bytesPerSecond: 2, etaMs: 1500 };
    const committed = sampleReport({ state: "committed", file: sampleFile(), receivedBytes: 10, durableBytes: 10 });
    scripts.push([sampleReport(), sampleReport(known), committed]);
    const [first, second, last, ...more] = await watchAll();
    const sums = { path, state: "open", receivedBytes: 7, durableBytes: 5, committed: false };
    const unknown = { totalBytes: undefined, bytesPerSecond: undefined, etaMs: undefined };
    expect(first).to.deep.equal({ ...sums, ...unknown, file: undefined, receipt: undefined });
    expect(second).to.include({ totalBytes: 10, bytesPerSecond: 2, etaMs: 1500 });
    expect(last).to.include({ state: "committed", committed: true });
    expect(last?.receipt?.fileId).to.equal(sampleFile().fileId).and.equal(last?.file?.fileId);
    expect(more).to.deep.equal([]);
  });

  for (const state of ["aborted", "expired"] as const) {
    it(`ends with an upload that is ${state}`, async () => {
      scripts.push([sampleReport({ state })]);
      expect((await watchAll()).map((report) => report.state)).to.deep.equal([state]);
    });
  }

  it("opens a stream that is refused, cut or ended again, as long as some of them go on", async () => {
    const going = [sampleReport(), sampleReport({ state: "completing" })];
    scripts.push([away], [away], [...going, away], [away], [...going, "end"], [sampleReport({ state: "aborted" })]);
    const states = (await watchAll()).map(({ state }) => state);
    expect(states).to.deep.equal(["open", "completing", "open", "completing", "aborted"]);
  });

  it("gives up when streams achieve nothing repeatedly", async () => {
    scripts.push([sampleReport(), away], [sampleReport(), away], [sampleReport(), away], [sampleReport()]);
    expect(await catchError(() => watchAll())).to.include({ code: "unavailable", reason: "DATABASE_UNAVAILABLE" });
    expect(streams).to.have.length(3);
  });

  it("gives up sooner what never answered its client, and tells each failure", async () => {
    const stranger = createSluiceClient({ url: server.url, token: API_TOKEN });
    scripts.push([away], [away], [away], [away], [sampleReport()]);
    const failures: string[] = [];
    const options = {
      retry: { ...RETRY, triesMax: 10 },
      onFailure: ({ reason }: SluiceError) => failures.push(reason),
    };
    const error = await catchError(() => watchAll(options, stranger).finally(() => stranger.close()));
    expect(error).to.have.property("message", `gave up after 4 tries at ${server.url}: it is away`);
    expect(failures).to.deep.equal(Array(4).fill("DATABASE_UNAVAILABLE"));
  });

  it("takes a silent stream for cut, and leaves it", async () => {
    scripts.push([sampleReport(), "silence"], [sampleReport({ state: "aborted" })]);
    const reports = await watchAll({ silenceMaxMs: 100 });
    expect(reports.map(({ state }) => state)).to.deep.equal(["open", "aborted"]);
    scripts.push(...Array.from({ length: 3 }, (): Script => ["silence"]));
    expect(await catchError(() => watchAll({ silenceMaxMs: 20 }))).to.include({ reason: "CONNECTION_LOST" });
  });

  it("does not ask again for what is not there", async () => {
    const absent = new DomainError("not_found", "there is no such upload", { reason: "UPLOAD_NOT_FOUND" });
    scripts.push([absent]);
    expect(await catchError(() => watchAll())).to.include({ code: "not_found", reason: "UPLOAD_NOT_FOUND" });
    expect(streams).to.have.length(1);
  });

  it("is refused at once without the right token", async () => {
    const stranger = createSluiceClient({ url: server.url, token: "another-token" });
    scripts.push([sampleReport({ state: "aborted" })]);
    const error = await catchError(() => stranger.watchUpload(uploadId).next());
    expect(error).to.include({ code: "unauthenticated", reason: "TOKEN_INVALID" });
    expect(streams).to.have.length(0);
    stranger.close();
  });

  it("ends its stream when nobody reads on, or the signal aborts", async () => {
    const ending = new AbortController();
    scripts.push([sampleReport(), "silence"], [sampleReport(), "silence"]);
    for await (const _report of client.watchUpload(uploadId)) break;
    const reason = new Error("enough");
    const failed = await catchError(async () => {
      for await (const _report of client.watchUpload(uploadId, { signal: ending.signal })) ending.abort(reason);
    });
    expect(failed).to.equal(reason);
    for (const signal of streams) if (!signal.aborted) await once(signal, "abort");
    expect(streams).to.have.length(2);
  });
});
