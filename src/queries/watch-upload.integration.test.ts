import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { WatchedUpload, WatchOptions } from "../client/calls/watch-upload.ts";
import { createSluiceClient, type SluiceClient } from "../client/client.ts";
import type { App } from "../composition/app.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../devstack/embedded-postgres.ts";
import { migrate } from "../postgres/schema/migrate.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";
import { catchError } from "../testing/samples/sample-records.ts";

/** The first failure is final, so that a test sees it. */
const ONCE = { retry: { triesMax: 1 } };

describe("Watching an upload on another replica than its writer's", () => {
  let directory: string;
  let postgres: EmbeddedPostgres;
  let rig: UploadRig;
  let replica: App;
  let watcher: SluiceClient;
  const bytes = seededBytes(4 * PART_BYTES);

  const startPostgres = async (port?: number) => {
    const options = { dataDirectory: join(directory, "data"), password: "test", durable: false };
    postgres = await startEmbeddedPostgres(port === undefined ? options : { ...options, port });
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-watch-"));
    await startPostgres();
    await migrate({ url: postgres.url });
    // A test that needs an end of the wait says so; a restart takes as long as it takes, and so does a drain.
    const settings = { SLUICE_DRAIN_TIMEOUT_MS: "600000" };
    rig = await UploadRig.start({ databaseUrl: postgres.url, databaseBackoff: { timeMaxMs: 600_000 }, settings });
    replica = await rig.service.startReplica();
    watcher = createSluiceClient({ url: replica.url, token: SERVICE_TOKEN });
  });
  after(async () => {
    watcher.close();
    await rig.stop();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const begin = async () => {
    const call = rig.create({ sizeBytes: BigInt(bytes.length) });
    const { uploadId } = await call.started();
    return { call, uploadId };
  };
  const untilReport = async (
    reports: AsyncGenerator<WatchedUpload>,
    is: (report: WatchedUpload) => boolean,
  ): Promise<WatchedUpload> => {
    for (;;) {
      const { value, done } = await reports.next();
      if (done === true) expect.fail("the watch has ended");
      if (is(value)) return value;
    }
  };
  const last = async (uploadId: string, options: WatchOptions = {}): Promise<WatchedUpload | undefined> => {
    let report: WatchedUpload | undefined;
    for await (report of watcher.watchUpload(uploadId, options));
    return report;
  };

  it("sees what is received, then durable, then committed, and the receipt", async () => {
    const { call, uploadId } = await begin();
    const reports = watcher.watchUpload(uploadId);
    const first = await untilReport(reports, () => true);
    expect(first).to.include({ state: "open", receivedBytes: 0, durableBytes: 0, totalBytes: bytes.length });
    const half = PART_BYTES / 2;
    call.sendBytes(bytes.subarray(0, half));
    expect(await untilReport(reports, ({ receivedBytes }) => receivedBytes === half)).to.include({ durableBytes: 0 });
    call.sendBytes(bytes.subarray(half), { offset: half });
    const durable = await untilReport(reports, ({ durableBytes }) => durableBytes === bytes.length);
    expect(durable).to.include({ receivedBytes: bytes.length, committed: false, state: "open" });
    call.send({ finish: {} });
    const { receipt } = await call.committed();
    const outcome = await untilReport(reports, ({ committed }) => committed);
    expect(outcome.receipt).to.deep.equal(receipt);
    expect(outcome.file?.path).to.equal(outcome.path);
    expect(await reports.next()).to.include({ done: true });
    expect((await last(uploadId))?.receipt, "for who comes late").to.deep.equal(receipt);
  });

  it("sees that an upload was aborted, or has expired", async () => {
    const aborted = await rig.client.createUpload(rig.nextPath());
    const watching = last(aborted.uploadId);
    await rig.client.abortUpload(aborted.uploadId);
    expect(await watching).to.include({ state: "aborted", committed: false });
    const expired = await rig.client.createUpload(rig.nextPath());
    await rig.query("UPDATE upload SET expire_time = now() WHERE upload_id = $1", [expired.uploadId]);
    const waiting = last(expired.uploadId);
    await rig.sweep();
    expect(await waiting).to.include({ state: "expired", file: undefined });
  });

  it("is told of an upload that is not there", async () => {
    const absent = await catchError(() => last("0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"));
    expect(absent).to.include({ code: "not_found", reason: "UPLOAD_NOT_FOUND" });
    const stranger = createSluiceClient({ url: replica.url, token: "another-token" });
    const refused = await catchError(() => stranger.watchUpload("u", ONCE).next());
    expect(refused).to.include({ code: "unauthenticated" });
    stranger.close();
  });

  it("goes on over a restart of the database", async () => {
    const { call, uploadId } = await begin();
    const reports = watcher.watchUpload(uploadId, ONCE);
    await untilReport(reports, () => true);
    await postgres.stop();
    call.sendBytes(bytes);
    await startPostgres(postgres.port);
    await untilReport(reports, ({ durableBytes }) => durableBytes === bytes.length);
    call.send({ finish: {} });
    await call.committed();
    expect(await untilReport(reports, ({ committed }) => committed)).to.include({ state: "committed" });
  });

  it("ends UNAVAILABLE, to be tried again, when the database stays away", async () => {
    const { uploadId } = await rig.client.createUpload(rig.nextPath());
    const reports = watcher.watchUpload(uploadId, ONCE);
    await untilReport(reports, () => true);
    Object.assign(rig.service.config.databaseBackoff, { timeMaxMs: 200 });
    await postgres.stop();
    const error = await catchError(() => untilReport(reports, () => false));
    expect(error).to.include({ code: "unavailable", reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1000 });
    await startPostgres(postgres.port);
    const again = watcher.watchUpload(uploadId);
    expect(await untilReport(again, () => true)).to.include({ state: "open" });
    await again.return();
  });

  it("ends UNAVAILABLE when its own replica stops, at once, and can go on elsewhere", async () => {
    const { uploadId } = await rig.client.createUpload(rig.nextPath());
    const reports = watcher.watchUpload(uploadId, ONCE);
    await untilReport(reports, () => true);
    const ended = catchError(() => untilReport(reports, () => false));
    await replica.stop();
    expect(await ended).to.include({ code: "unavailable", reason: "SHUTTING_DOWN", retryAfterMs: 0 });
    const elsewhere = rig.client.watchUpload(uploadId);
    expect(await untilReport(elsewhere, () => true)).to.include({ state: "open" });
    await elsewhere.return();
  });
});
