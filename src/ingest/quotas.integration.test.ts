import { crc32 } from "node:zlib";
import { expect } from "chai";
import { toExitCode } from "../cli/terminal/exit-code.ts";
import type { NamespaceLimits } from "../client/calls/namespace-calls.ts";
import { SluiceError } from "../client/sluice-error.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import type { RawWriteCall } from "../testing/rigs/uploads/raw-write-call.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

/** gRPC's RESOURCE_EXHAUSTED. */
const EXHAUSTED = 8;
const PARTS_IN_FLIGHT = 4;
const NONE: NamespaceLimits = {
  requestsPerSecondMax: null,
  bytesPerDayMax: null,
  storedBytesMax: null,
  principalRequestsPerSecondMax: null,
  principalBytesPerDayMax: null,
  principalStoredBytesMax: null,
};

describe("Quotas of a namespace", () => {
  let rig: UploadRig;
  before(async () => {
    // Fifty streams wait for one another to begin, which takes a slow machine some seconds.
    rig = await UploadRig.start({ uploads: { partsInFlightMax: PARTS_IN_FLIGHT, stallTimeoutMs: 60_000 } });
  });
  after(() => rig.stop());
  beforeEach(async () => {
    await rig.client.updateNamespace("default", NONE);
    await rig.query("DELETE FROM usage_slot");
  });
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(24 * PART_BYTES + 10);
  const setQuotas = (quotas: NamespaceLimits) => rig.client.updateNamespace("default", quotas);
  const used = async () => {
    const { used } = await rig.client.getUsage("default");
    return { storedBytes: Number(used?.storedBytes), dayBytes: Number(used?.dayBytes) };
  };
  const put = (path: string, body: Uint8Array | AsyncIterable<Uint8Array>) =>
    callRest(`${rig.service.url}/v1/namespaces/default/files/${path}`, {
      method: "PUT",
      token: SERVICE_TOKEN,
      body: body as never,
    });

  describe("of bytes a day", () => {
    const dayMax = 2 * PART_BYTES + 1;
    /** A stream that is cut by the quota, with the offset that it was told. */
    const cut = async (call: RawWriteCall) => {
      const { uploadId } = await call.started();
      call.sendBytes(bytes);
      const { metadata, retryAfterMs } = await expectRefused(call, {
        code: EXHAUSTED,
        reason: "QUOTA_BYTES_PER_DAY",
        says: `namespace default may upload ${dayMax} bytes a day`,
        metadata: { namespace: "default", quota: "bytes_per_day_max", quota_max: String(dayMax) },
      });
      expect(retryAfterMs).to.be.within(1, 86_400_000);
      const durableOffset = Number(metadata.durable_offset);
      expect(durableOffset).to.be.within(dayMax, dayMax + PARTS_IN_FLIGHT * PART_BYTES * 2);
      expect((await used()).dayBytes).to.equal(durableOffset);
      return { uploadId, durableOffset };
    };

    it("ends a stream in its middle with the durable offset, and takes the rest once the quota was raised", async () => {
      const call = rig.create({});
      await call.started();
      await setQuotas({ bytesPerDayMax: dayMax });
      const { uploadId, durableOffset } = await cut(call);
      const again = rig.resume(uploadId);
      expect(Number((await again.started()).durableOffset)).to.equal(durableOffset);
      again.sendBytes(bytes.subarray(durableOffset), { offset: durableOffset });
      await expectRefused(again, { code: EXHAUSTED, reason: "QUOTA_BYTES_PER_DAY", says: "a day" });
      expect((await used()).dayBytes).to.equal(durableOffset);
      await setQuotas({ bytesPerDayMax: bytes.length });
      await rig.complete(uploadId, bytes);
      expect(await used()).to.deep.equal({ storedBytes: bytes.length, dayBytes: bytes.length });
    });

    it("takes the rest on the next day", async () => {
      await setQuotas({ bytesPerDayMax: dayMax });
      const { uploadId } = await cut(rig.create({}));
      await setQuotas({ bytesPerDayMax: bytes.length });
      await rig.query("UPDATE usage_slot SET day = day - 1");
      await rig.complete(uploadId, bytes);
    });

    it("lets an upload be finished whose bytes are all durable", async () => {
      const call = rig.create({ sizeBytes: BigInt(3 * PART_BYTES) });
      const { uploadId } = await call.started();
      const content = bytes.subarray(0, 3 * PART_BYTES);
      call.sendBytes(content);
      await call.durable(content.length);
      call.reset();
      await until("the stream has settled", () => rig.service.app.load.sessions === 0);
      await setQuotas({ bytesPerDayMax: 1 });
      await rig.complete(uploadId, content);
    });

    it("refuses a declared size that the day has no room for, and counts no copy", async () => {
      await rig.client.upload(bytes.subarray(0, 1000), "day/source");
      await setQuotas({ bytesPerDayMax: 1500 });
      await expectRefused(rig.create({ sizeBytes: 501n }), {
        code: EXHAUSTED,
        reason: "QUOTA_BYTES_PER_DAY",
        says: "may upload 1500 bytes a day and has uploaded 1000; 501 more do not fit; go on at the next midnight in UTC",
      });
      await rig.client.copyFile("day/source", "day/copy");
      expect(await used()).to.deep.equal({ storedBytes: 2000, dayBytes: 1000 });
    });

    it("refuses a part of WritePart before its bytes go, and takes it once the quota was raised", async () => {
      const uploads = `${rig.service.url}/v1/namespaces/default/uploads`;
      const json = { path: rig.nextPath(), sizeBytes: String(2 * PART_BYTES) };
      const { body } = await callRest(uploads, { method: "POST", token: SERVICE_TOKEN, json });
      const putPart = async (number: number) => {
        const part = bytes.subarray((number - 1) * PART_BYTES, number * PART_BYTES);
        const headers = { "x-sluice-crc32": crc32(part).toString(16).padStart(8, "0") };
        const url = `${uploads}/${body.upload.uploadId}/parts/${number}`;
        return await callRest(url, { method: "PUT", token: SERVICE_TOKEN, headers, body: part as never });
      };
      expect((await putPart(1)).status).to.equal(200);
      await setQuotas({ bytesPerDayMax: PART_BYTES });
      const refused = await putPart(2);
      expect(refused.status).to.equal(429);
      expect(refused.body.reason).to.equal("QUOTA_BYTES_PER_DAY");
      expect(Number(refused.headers.get("retry-after"))).to.be.within(1, 86_400);
      await setQuotas({ bytesPerDayMax: PART_BYTES + 1 });
      expect((await putPart(2)).status).to.equal(200);
      expect((await used()).dayBytes).to.equal(2 * PART_BYTES);
    });

    it("cuts a PUT of a file in its middle with 429, Retry-After and the durable offset; its upload goes on", async () => {
      await setQuotas({ bytesPerDayMax: dayMax });
      const pieces = async function* () {
        for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
      };
      const answer = await put("day/put", pieces());
      expect(answer.status, JSON.stringify(answer.body)).to.equal(429);
      expect(answer.body).to.include({ reason: "QUOTA_BYTES_PER_DAY" });
      expect(Number(answer.headers.get("retry-after"))).to.be.within(1, 86_400);
      expect(Number(answer.body.details.durable_offset)).to.equal((await used()).dayBytes);
      const [{ upload_id: uploadId } = {}] = await rig.query("SELECT upload_id FROM upload WHERE path = 'day/put'");
      await setQuotas({ bytesPerDayMax: bytes.length });
      await rig.complete(uploadId as string, bytes);
    });

    it("is passed by fifty uploads at once to two replicas by what each has in flight at most", async () => {
      const replica = await rig.service.startReplica();
      const connections = [rig.connect(), rig.connect(replica.url)];
      await setQuotas({ bytesPerDayMax: 4 * PART_BYTES });
      const calls = Array.from({ length: 50 }, (_, index) => rig.create({}, connections[index % 2]));
      await Promise.all(calls.map((call) => Promise.race([call.started(), call.status])));
      const content = bytes.subarray(0, 20 * PART_BYTES);
      for (const call of calls) call.sendBytes(content);
      const statuses = await Promise.all(calls.map((call) => call.status));
      expect(new Set(statuses.map(({ reason }) => reason))).to.deep.equal(new Set(["QUOTA_BYTES_PER_DAY"]));
      // An upload of unknown size has parts of twice the size; the one that was being filled comes to those in flight.
      const overshoot = 50 * (PARTS_IN_FLIGHT + 1) * 2 * PART_BYTES;
      const { dayBytes } = await used();
      expect(dayBytes).to.be.within(4 * PART_BYTES, 4 * PART_BYTES + overshoot);
      const [{ sum } = {}] = await rig.query("SELECT sum(length_bytes)::int FROM part WHERE state = 'durable'");
      expect(Number(sum)).to.be.at.least(dayBytes);
    });
  });

  describe("of bytes kept", () => {
    it("refuses with 507, without a time to wait, and with an exit code that says not to try again", async () => {
      await rig.client.upload(bytes.subarray(0, 1000), "kept/a");
      await setQuotas({ principalStoredBytesMax: 1100 });
      const answer = await put("kept/b", bytes.subarray(0, 101));
      expect(answer.status).to.equal(507);
      expect(answer.body).to.include({ reason: "QUOTA_STORAGE", title: "Insufficient Storage" });
      expect(answer.headers.get("retry-after")).to.equal(null);
      const refusal = await rig.client.upload(bytes.subarray(0, 101), "kept/b").catch((error) => error);
      expect(refusal).to.be.instanceOf(SluiceError);
      expect(refusal.message).to.include("may keep 1100 bytes and keeps 1000; 101 more do not fit");
      expect(toExitCode(refusal)).to.equal(1);
      await rig.client.upload(bytes.subarray(0, 100), "kept/b");
    });

    it("keeps the bytes of a commit that does not fit, and commits them once files were purged", async () => {
      await rig.client.upload(bytes.subarray(0, PART_BYTES), "kept/old");
      const content = bytes.subarray(0, 5 * PART_BYTES);
      await setQuotas({ storedBytesMax: content.length });
      const call = rig.create({});
      const { uploadId } = await call.started();
      call
        .sendBytes(content)
        .send({ finish: { crc32: crc32(content) } })
        .end();
      const { metadata } = await expectRefused(call, {
        code: EXHAUSTED,
        reason: "QUOTA_STORAGE",
        says: `may keep ${content.length} bytes and keeps ${PART_BYTES}`,
      });
      expect(Number(metadata.durable_offset)).to.equal(content.length);
      await rig.client.deleteFile("kept/old");
      await rig.client.purgeFile("kept/old");
      const again = rig.resume(uploadId);
      await again.started();
      again.send({ finish: { crc32: crc32(content) } }).end();
      await rig.expectFile(await again.committed(), content);
      expect((await used()).storedBytes).to.equal(content.length);
    });
  });

  describe("of requests", () => {
    it("counts every face, refuses with the time to wait, and leaves namespaces to be managed", async () => {
      await setQuotas({ principalRequestsPerSecondMax: 5 });
      const url = `${rig.service.url}/v1/namespaces/default/files`;
      const answers = await Promise.all(Array.from({ length: 40 }, () => callRest(url, { token: SERVICE_TOKEN })));
      const refused = answers.filter(({ status }) => status === 429);
      // Each second that they take lets five more pass.
      expect(refused.length).to.be.within(1, 35);
      expect(refused[0]?.body).to.include({ reason: "QUOTA_REQUESTS" });
      expect(refused[0]?.headers.get("retry-after")).to.equal("1");
      const calls = Array.from({ length: 12 }, () => rig.create({}));
      const outcomes = await Promise.all(calls.map((call) => Promise.race([call.started(), call.status])));
      const reasons = outcomes.map((outcome) => ("reason" in outcome ? outcome.reason : "started"));
      expect(reasons).to.include("QUOTA_REQUESTS");
      for (const call of calls) call.reset();
      await setQuotas(NONE);
    });

    it("is waited for by the client", async () => {
      await setQuotas({ requestsPerSecondMax: 20 });
      const uploads = Array.from({ length: 30 }, (_, index) =>
        rig.client.upload(bytes.subarray(0, 10), `requests/${index}`),
      );
      await Promise.all(uploads);
      expect((await used()).storedBytes).to.equal(300);
    });
  });
});
