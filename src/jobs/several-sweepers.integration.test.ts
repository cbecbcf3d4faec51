import { crc32 } from "node:zlib";
import { CreateMultipartUploadCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { expect } from "chai";
import { createDatabasePools, type DatabasePools } from "../postgres/pool/pool.ts";
import { createUploadRepositories } from "../postgres/uploads/upload-repositories.ts";
import { fromNow } from "../testing/rigs/from-now.ts";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { createTestAccess } from "../testing/rigs/storage/s3-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { startSweeperProcess } from "../testing/rigs/uploads/sweeper-process.ts";
import { openTestSweeper, type TestSweeper } from "../testing/rigs/uploads/test-sweeper.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("Several sweepers", () => {
  const bytes = seededBytes(2 * PART_BYTES);
  let rig: UploadRig;
  let pools: DatabasePools;
  let storage: ReturnType<typeof createTestAccess>;
  beforeEach(async () => {
    rig = await UploadRig.start();
    pools = await createDatabasePools({ url: rig.service.databaseUrl });
    storage = createTestAccess(rig.service.endpoint);
  });
  afterEach(async () => {
    storage.close();
    await pools.end();
    await rig.stop();
  });

  /** An upload with two durable parts whose writer has gone. */
  const write = async (path = rig.nextPath()) => {
    const connection = rig.connect();
    const call = rig.create({ path, sizeBytes: BigInt(bytes.length) }, connection);
    const { uploadId } = await call.started();
    call.sendBytes(bytes);
    const [{ n } = { n: 0 }] = await until("both parts are durable", async () => {
      const rows = await rig.query("SELECT count(*)::int AS n FROM part WHERE upload_id = $1 AND state = 'durable'", [
        uploadId,
      ]);
      return rows[0]?.n === 2 ? rows : undefined;
    });
    expect(n).to.equal(2);
    call.reset();
    await connection.close();
    return { uploadId, path };
  };
  const writeMany = (count: number) => Promise.all(Array.from({ length: count }, () => write()));
  /** The same, past its expiry. */
  const writeDue = async (count: number) => {
    const uploads = await writeMany(count);
    await rig.query("UPDATE upload SET expire_time = now() - interval '1 second' WHERE upload_id = ANY($1)", [
      uploads.map(({ uploadId }) => uploadId),
    ]);
    return uploads;
  };
  /** The same, with its commit begun by a process that died. */
  const writeStuck = async (count: number) => {
    const uploads = await writeMany(count);
    const { commits } = createUploadRepositories(pools.commands);
    for (const { uploadId } of uploads) await commits.beginCompletion(uploadId, { crc32: crc32(bytes) });
    return uploads;
  };
  /** What a loser of a race left, and what somebody else has under our prefix. */
  const begin = async (Key: string) =>
    await storage.access.client.send(new CreateMultipartUploadCommand({ Bucket: rig.service.endpoint.bucket, Key }));
  const putForeign = async (Key: string) =>
    await storage.access.client.send(new PutObjectCommand({ Bucket: rig.service.endpoint.bucket, Key, Body: "x" }));
  const keyOf = async (uploadId: string) => {
    const [row] = await rig.query("SELECT s3_key FROM upload WHERE upload_id = $1", [uploadId]);
    return row?.s3_key as string;
  };
  const countStates = async () => {
    const rows = await rig.query("SELECT state, count(*)::int AS n FROM upload GROUP BY state");
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  };
  const expectCommittedOnce = async (uploads: { path: string }[]) => {
    for (const { path } of uploads) {
      const rows = await rig.query("SELECT generation FROM file WHERE path = $1", [path]);
      expect(rows, path).to.deep.equal([{ generation: "1" }]);
      expect((await rig.download(path)).equals(bytes), path).to.equal(true);
    }
  };
  const FOREIGN = ["foreign/object", "foreign/begun"];
  const expectForeignLeft = async (sweeper: TestSweeper) => {
    const { foreignKeys, errors } = await sweeper.sweepOrphans();
    expect({ foreignKeys: foreignKeys.sort(), errors }).to.deep.equal({ foreignKeys: FOREIGN.toSorted(), errors: [] });
  };

  it("at once finish and expire each upload once, and delete nothing of anybody else", async () => {
    const [due, stuck, open] = [await writeDue(6), await writeStuck(6), await writeMany(2)];
    for (const { uploadId } of [...stuck, ...open]) await begin(await keyOf(uploadId));
    await putForeign(FOREIGN[0] as string);
    await begin(FOREIGN[1] as string);
    const sweepers = await Promise.all([openTestSweeper(rig.sweeperOptions), openTestSweeper(rig.sweeperOptions)]);
    const [first, second] = sweepers as [TestSweeper, TestSweeper];
    try {
      const swept = await Promise.all(sweepers.map((sweeper) => sweeper.sweep()));
      expect(swept.reduce((sum, { expired }) => sum + expired, 0)).to.equal(due.length);
      for (const { errors } of swept) expect(errors).to.deep.equal([]);
      const results = await Promise.all([first.sweepOrphans(), second.sweepOrphans(), second.sweep()]);
      for (const { errors } of results) expect(errors).to.deep.equal([]);
      await expectCommittedOnce(stuck);
      expect(await countStates()).to.deep.equal({ expired: 6, committed: 6, open: 2 });
      await expectForeignLeft(first);
      for (const { uploadId } of open) await rig.complete(uploadId, bytes);
    } finally {
      for (const sweeper of sweepers) await sweeper.close();
    }
  });

  it("of which one is killed in the middle leave its work to the other", async () => {
    const [due, stuck] = [await writeDue(4), await writeStuck(4)];
    await begin(await keyOf(due[0]?.uploadId as string));
    // One upload is committed, and the next is being assembled when the kill strikes.
    const { faults } = rig.service.s3;
    faults.add({ operation: "CompleteMultipartUpload", times: 1, fault: { kind: "latency", ms: 0 } });
    faults.add({ operation: "CompleteMultipartUpload", fault: { kind: "hang" } });
    const victim = startSweeperProcess(rig.sweeperOptions);
    const hangs = () => faults.pending === 0;
    await Promise.race([until("it is in the middle", hangs), victim.report]);
    await victim.kill();
    const half = await countStates();
    expect(half).to.include({ expired: 4, committed: 1, completing: 3 });
    const { errors, ...report } = await startSweeperProcess(rig.sweeperOptions).report;
    expect(errors).to.deep.equal([]);
    expect(report).to.include({ expired: 0, committed: 3, cleaned: 4, multipartsAborted: 1 });
    expect(await countStates()).to.deep.equal({ expired: 4, committed: 4 });
    await expectCommittedOnce(stuck);
    await rig.expectNothingLeft();
  });

  for (const shiftMs of [-300_000, 300_000]) {
    const minutes = `${Math.abs(shiftMs) / 60_000} minutes ${shiftMs < 0 ? "behind" : "ahead"}`;

    it(`expire nothing early or late by a clock that is ${minutes}`, async () => {
      const due = await writeDue(1);
      const [young] = await writeMany(1);
      await rig.query("UPDATE upload SET expire_time = now() + interval '2 minutes' WHERE upload_id = $1", [
        young?.uploadId,
      ]);
      const loser = await begin(await keyOf(young?.uploadId as string));
      const { now, ...report } = await startSweeperProcess(rig.sweeperOptions, shiftMs).report;
      const isShifted = shiftMs < 0 ? now < fromNow(-60_000).getTime() : now > fromNow(60_000).getTime();
      expect(isShifted, "its clock is off").to.equal(true);
      expect(report).to.deep.include({ expired: due.length, cleaned: due.length, multipartsAborted: 1, errors: [] });
      expect(loser.UploadId).to.be.a("string");
      expect(await countStates()).to.deep.equal({ expired: 1, open: 1 });
    });
  }
});
