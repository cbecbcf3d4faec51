import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../devstack/embedded-postgres.ts";
import { migrate } from "../postgres/schema/migrate.ts";
import { PART_BYTES, SERVICE_TOKEN, untilReady } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const UNAVAILABLE = { code: 14, reason: "DATABASE_UNAVAILABLE" };

describe("An upload while the database is gone", () => {
  let directory: string;
  let postgres: EmbeddedPostgres;
  let rig: UploadRig;
  const start = async (port?: number) => {
    const options = { dataDirectory: join(directory, "data"), password: "test", durable: false };
    postgres = await startEmbeddedPostgres(port === undefined ? options : { ...options, port });
  };
  const restart = () => start(postgres.port);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-outage-"));
    await start();
    await migrate({ url: postgres.url });
    rig = await UploadRig.start({ databaseUrl: postgres.url, databaseBackoff: { triesMax: 400, timeMaxMs: 4000 } });
  });
  after(async () => {
    await rig.stop();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  });
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(6 * PART_BYTES);
  const begin = async (content = bytes) => {
    const call = rig.create({ sizeBytes: BigInt(content.length) });
    const { uploadId } = await call.started();
    return { call, uploadId };
  };

  it("is refused at its start, to be tried again", async () => {
    await postgres.stop();
    const says = "the metadata database cannot be reached";
    const status = await expectRefused(rig.create(), { ...UNAVAILABLE, says });
    expect(status.retryAfterMs).to.equal(1000);
    expect(status.message).not.to.match(/ECONN|127\.0\.0\.1|postgres:/);
    const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
    for (const transport of [
      createGrpcTransport({ baseUrl: rig.service.url }),
      createConnectTransport({ baseUrl: rig.service.url, httpVersion: "1.1" }),
    ]) {
      const request = { requestId: randomUUID(), namespace: "default", path: rig.nextPath() };
      const unary = createClient(UploadService, transport).createUpload(request, { headers });
      const refusal = ConnectError.from(await unary.catch((error: unknown) => error));
      expect([refusal.code, refusal.findDetails(ErrorInfoSchema)[0]?.reason]).to.deep.equal(Object.values(UNAVAILABLE));
      expect(refusal.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).to.equal(1n);
    }
    await restart();
    const { call } = await begin();
    call.sendBytes(bytes).send({ finish: {} });
    await rig.expectFile(await call.committed(), bytes);
  });

  it("waits in the middle of its bytes, and goes on", async () => {
    const { call } = await begin();
    call.sendBytes(bytes.subarray(0, 2 * PART_BYTES));
    await call.durable(2 * PART_BYTES);
    await postgres.stop();
    call.sendBytes(bytes.subarray(2 * PART_BYTES), { offset: 2 * PART_BYTES });
    await until("all bytes are at the service", () => {
      return call.answers.some(
        ({ message }) => message.case === "progress" && message.value.receivedBytes === BigInt(bytes.length),
      );
    });
    expect(call.stream.closed, "the call goes on").to.equal(false);
    await restart();
    call.send({ finish: { crc32: crc32(bytes) } });
    await rig.expectFile(await call.committed(), bytes);
  });

  it("tells its durable offset when the outage lasts, and resumes", async () => {
    const { call, uploadId } = await begin();
    call.sendBytes(bytes.subarray(0, 2 * PART_BYTES));
    await call.durable(2 * PART_BYTES);
    await postgres.stop();
    call.sendBytes(bytes.subarray(2 * PART_BYTES, 3 * PART_BYTES), { offset: 2 * PART_BYTES });
    const metadata = { upload_id: uploadId, durable_offset: String(2 * PART_BYTES) };
    await expectRefused(call, { ...UNAVAILABLE, says: "try again", metadata });
    await restart();
    await rig.complete(uploadId, bytes);
  });

  for (const [kind, content] of [
    ["multipart", bytes],
    ["one-part", bytes.subarray(0, 100)],
  ] as const) {
    it(`waits at the commit of a ${kind} file, and commits`, async () => {
      const { call } = await begin(content);
      call.sendBytes(content);
      await until("S3 has it", () => rig.service.app.load.partBytes === 0);
      await postgres.stop();
      call.send({ finish: {} });
      await restart();
      await rig.expectFile(await call.committed(), content);
    });

    it(`gives up at the commit of a ${kind} file after a long outage; it can be completed`, async () => {
      const { call, uploadId } = await begin(content);
      call.sendBytes(content);
      await until("S3 has it", () => rig.service.app.load.partBytes === 0);
      if (kind === "multipart") await call.durable(content.length);
      await postgres.stop();
      await expectRefused(call.send({ finish: {} }), { ...UNAVAILABLE, says: "try again" });
      await restart();
      await rig.complete(uploadId, content);
    });
  }

  it("is a reason not to be ready, until the database is back, also for a service that starts then", async () => {
    await postgres.stop();
    const late = await UploadRig.start({ databaseUrl: postgres.url, isReadyAwaited: false });
    expect(late.service.app.readiness.problems.map(({ component }) => component)).to.include("database");
    const refused = await late.create().status;
    expect(refused).to.include({ ...UNAVAILABLE });
    expect(late.service.app.load).to.deep.equal({ sessions: 0, partBytes: 0 });
    await restart();
    await untilReady(late.service.app);
    const logged = late.service.errorsLogged.map(({ msg }) => msg);
    expect(logged, "said once").to.deep.equal([
      "the database is not usable: the metadata database cannot be reached; try again shortly",
    ]);
    await rig.query("SELECT 1");
    await late.stop();
  });

  it("lets a service stop that never had its database", async () => {
    await postgres.stop();
    const never = await UploadRig.start({ databaseUrl: postgres.url, isReadyAwaited: false });
    await never.stop();
    await restart();
  });
});
