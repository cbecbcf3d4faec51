import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.ts";
import { type DevS3Server, startDevS3Server } from "../../devstack/s3-server/dev-s3-server.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { expectRefused, seededBytes, UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";

const KEYS = { accessKeyId: "AKIDTEST", secretAccessKey: "secret/with+odd=characters", region: "eu-central-1" };

describe("A service whose storage is away", () => {
  let directory: string;
  let s3: DevS3Server;
  let rig: UploadRig;
  let link: string;
  const start = async (port = 0) => {
    const options = { directory, port, buckets: ["bucket"], multipartMinPartBytes: 1 };
    s3 = await startDevS3Server({ ...KEYS, ...options });
  };
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-storage-"));
    await start();
    rig = await UploadRig.start({
      s3: { ...KEYS, url: s3.url, bucket: "bucket" },
      retry: { triesMax: 3, timeMaxMs: 3000 },
    });
    expect((await rest("files/here", { method: "PUT", body: "hello" })).status).to.equal(201);
    link = (await rest("links", { method: "POST", json: { path: "here" } })).body.url;
  });
  after(async () => {
    await rig?.stop();
    await s3?.close();
    await rm(directory, { recursive: true, force: true });
  });

  const rest = (route: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(`${rig.service.url}/v1/namespaces/default/${route}`, { token: SERVICE_TOKEN, ...init });
  const readyz = async () => {
    const answer = await callRest(`${rig.service.url}/readyz`, { token: SERVICE_TOKEN });
    return { code: answer.status, ...answer.body };
  };
  const healthOf = async (service: string) => {
    const client = createClient(Health, createGrpcTransport({ baseUrl: rig.service.url }));
    return (await client.check({ service })).status;
  };

  it("finds, lists and moves files, opens links, refuses bytes to be tried again, and goes on when it is back", async () => {
    const bytes = seededBytes(4 * PART_BYTES);
    const call = rig.create({ sizeBytes: BigInt(bytes.length) });
    const { uploadId } = await call.started();
    call.sendBytes(bytes.subarray(0, 2 * PART_BYTES));
    await call.durable(2 * PART_BYTES);
    await s3.close();

    for (const [route, init] of [
      ["files/here", {}],
      ["files", {}],
      ["files:search?filter=path%3D%22here%22", {}],
      ["files/here:listGenerations", {}],
      ["links", {}],
      ["usage", {}],
      ["files/here:move", { method: "POST", json: { targetPath: "there" } }],
      ["files/there:move", { method: "POST", json: { targetPath: "here" } }],
    ] as const) {
      const { status, body } = await rest(route, init);
      expect(status, `${route}: ${JSON.stringify(body)}`).to.equal(200);
    }
    expect((await rest("files/here?alt=media")).status, "a URL for the bytes").to.equal(302);
    expect((await callRest(link, { method: "HEAD" })).status, "what a link is").to.equal(200);
    expect((await callRest(link)).status, "a link").to.equal(302);

    for (const [route, init] of [
      ["files/here?alt=media&redirect=false", {}],
      ["files/new", { method: "PUT", body: "x" }],
    ] as const) {
      const { status, headers, body } = await rest(route, init);
      expect([status, body.reason], route).to.deep.equal([503, "STORAGE_UNAVAILABLE"]);
      expect(Number(headers.get("retry-after")), route).to.be.greaterThan(0);
    }
    call.sendBytes(bytes.subarray(2 * PART_BYTES), { offset: 2 * PART_BYTES });
    const metadata = { upload_id: uploadId, durable_offset: String(2 * PART_BYTES) };
    const refusal = { code: 14, reason: "STORAGE_UNAVAILABLE", says: "storage does not answer", metadata };
    expect((await expectRefused(call, refusal)).retryAfterMs).to.be.greaterThan(0);

    const told = await until("readiness says so", async () => {
      const answer = await readyz();
      return answer.status === "degraded" && answer;
    });
    expect([told.code, told.problems.length]).to.deep.equal([200, 1]);
    expect(told.problems[0])
      .to.include({ component: "storage" })
      .and.to.deep.include({ namespaces: ["default"] });
    expect(Date.parse(told.problems[0].since)).to.be.greaterThan(0);
    expect(await healthOf("sluice.v1.UploadService")).to.equal(Status.NOT_SERVING);
    for (const service of ["", "sluice.v1.FileQueryService"]) expect(await healthOf(service)).to.equal(Status.SERVING);

    await start(s3.port);
    await until("an upload goes through", async () => {
      return (await rest("files/new", { method: "PUT", body: "x" })).status < 300;
    });
    await rig.complete(uploadId, bytes);
    await until("readiness says so", async () => (await readyz()).status === "ready");
    expect(await healthOf("sluice.v1.UploadService")).to.equal(Status.SERVING);
    await rig.expectNothingLeft();
  });
});
