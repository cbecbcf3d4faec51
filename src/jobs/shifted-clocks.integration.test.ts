import { randomUUID } from "node:crypto";
import { expect } from "chai";
import { parseAmzDate } from "../auth/iam/read-iam-token.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { shiftClock } from "../testing/rigs/uploads/sweeper-process.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const SHIFT_MS = 300_000;

describe("services whose clocks are ten minutes apart", () => {
  const bytes = seededBytes(2 * PART_BYTES);
  let rig: UploadRig;
  let services: ServiceProcess[] = [];
  before(async () => {
    rig = await UploadRig.start();
    const { endpoint, databaseUrl } = rig.service;
    const start = async (shiftMs: number) => {
      const settings = { SLUICE_PART_SIZE_BYTES: String(PART_BYTES), ...shiftClock(shiftMs) };
      return await startServiceProcess(endpoint, { databaseUrl, port: await findFreePort(), settings });
    };
    services = await Promise.all([SHIFT_MS, -SHIFT_MS].map(start));
  });
  after(async () => {
    for (const service of services) await service.kill();
    await rig?.stop();
  });
  const call = async (service: ServiceProcess, method: string, request: object) => {
    const answer = await fetch(`${service.url}/sluice.v1.${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${SERVICE_TOKEN}` },
      body: JSON.stringify({ namespace: "default", lifetime: "60s", ...request }),
    });
    return (await answer.json()) as unknown;
  };
  const signTimeOf = (url = "") => parseAmzDate(new URL(url).searchParams.get("X-Amz-Date") ?? "");
  /** Whether two times are of the same clock: those of the services are far from each other, and from that of the machine. */
  const expectSameClock = (one: number, other: number) => expect(Math.abs(one - other)).to.be.below(SHIFT_MS / 2);

  it("find times in every row that are the database's", async () => {
    const upload = rig.create({ sizeBytes: BigInt(2 * bytes.length) }, rig.connect(services[0]?.url));
    const { uploadId } = await upload.started();
    upload.sendBytes(bytes);
    await upload.durable(bytes.length);
    for (const service of services) {
      const part = { partNumber: 4, sizeBytes: String(PART_BYTES), crc32: 1 };
      const answer = await call(service, "UploadService/SignParts", { uploadId, parts: [part] });
      const { parts, expireTime } = answer as { parts: { url: string }[]; expireTime: string };
      const [row] = await rig.query(
        `SELECT 1000 * extract(epoch FROM url_expire_time - interval '60 s')::float8 AS sign_ms,
          expire_time - now() BETWEEN interval '23 h' AND interval '24 h' AS is_within, create_time <= now() AS is_past
        FROM upload WHERE upload_id = $1`,
        [uploadId],
      );
      expect(row).to.include({ is_within: true, is_past: true });
      // Signed by storage's clock, which is the database's here, and not by that of the process.
      for (const time of [signTimeOf(parts[0]?.url), Date.parse(expireTime) - 60_000])
        expectSameClock(time, row?.sign_ms as number);
    }
    const [lease] = await rig.query(
      "SELECT count(*)::int AS n FROM writer WHERE upload_id = $1 AND heartbeat_time > now()",
      [uploadId],
    );
    expect(lease).to.deep.equal({ n: 0 });
    expect(await rig.sweep()).to.deep.include({ expired: 0, cleaned: 0, errors: [] });
    const whole = Buffer.concat([bytes, seededBytes(bytes.length, 7)]);
    await rig.complete(uploadId, whole, rig.connect(services[1]?.url));
  });

  it("make links and URLs that live as long as they say, by the clocks that judge them", async () => {
    const path = rig.nextPath();
    await rig.client.upload(bytes, path);
    for (const service of services) {
      const answer = await call(service, "FileCommandService/CreateLink", { path, requestId: randomUUID() });
      const { link, url } = answer as { link: { expireTime: string; createTime: string }; url: string };
      expect(Date.parse(link.expireTime) - Date.parse(link.createTime)).to.equal(60_000);
      const opened = await fetch(url, { redirect: "manual" });
      expect(opened.status).to.equal(302);
      const signed = opened.headers.get("location") ?? "";
      expectSameClock(signTimeOf(signed), Date.parse(link.createTime));
      expect((await fetch(signed)).status).to.equal(200);
      const ready = await fetch(`${service.url}/readyz`);
      const { status, problems } = (await ready.json()) as { status: string; problems: { component: string }[] };
      expect([ready.status, status, problems[0]?.component]).to.deep.equal([200, "degraded", "clock"]);
    }
  });
});
