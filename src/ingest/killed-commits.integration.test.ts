import { createHash } from "node:crypto";
import { expect } from "chai";
import { Client } from "pg";
import { findFreePort } from "../devstack/tcp-port.ts";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("A process that is killed between S3's Complete and the commit", () => {
  let rig: UploadRig;
  let victim: ServiceProcess;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  beforeEach(async () => {
    const { endpoint, databaseUrl } = rig.service;
    const settings = { SLUICE_PART_SIZE_BYTES: String(PART_BYTES) };
    victim = await startServiceProcess(endpoint, { databaseUrl, port: await findFreePort(), settings });
  });
  afterEach(async () => {
    await victim.kill();
    await rig.expectNothingLeft();
  });

  const bytes = seededBytes(3 * PART_BYTES + 100);
  const sha256 = createHash("sha256").update(bytes).digest();
  const stateOf = async (uploadId: string) => {
    const [row] = await rig.query("SELECT state FROM upload WHERE upload_id = $1", [uploadId]);
    return row?.state;
  };
  const expectSwept = async (uploadId: string, path: string) => {
    expect(await stateOf(uploadId)).to.equal("assembled");
    const { committed, errors } = await rig.sweep();
    expect({ committed, errors }).to.deep.equal({ committed: 1, errors: [] });
    expect(await stateOf(uploadId)).to.equal("committed");
    expect((await rig.download(path)).equals(bytes)).to.equal(true);
    expect(await rig.sweep()).to.deep.include({ committed: 0, errors: [] });
  };

  it("has its file committed by the sweeper alone", async () => {
    const path = rig.nextPath();
    const blocker = new Client({ connectionString: rig.service.databaseUrl });
    await blocker.connect();
    try {
      // Whoever commits to the path takes this lock: the victim waits for it, with the object assembled.
      await blocker.query("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0");
      await blocker.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`default/${path}`]);
      const call = rig.create({ path, sizeBytes: BigInt(bytes.length) }, rig.connect(victim.url));
      const { uploadId } = await call.started();
      call.sendBytes(bytes).send({ finish: {} });
      const waiting = `FROM pg_stat_activity a WHERE a.datname = current_database() AND a.wait_event = 'advisory'`;
      const isWaiting = async () => (await rig.query(`SELECT a.pid ${waiting}`)).length > 0;
      await until("the commit waits", isWaiting);
      await victim.kill();
      // Its statement would go on: the server looks at a client only when it has something to say.
      await rig.query(`SELECT pg_terminate_backend(a.pid) ${waiting}`);
      await until("nobody waits", async () => !(await isWaiting()));
      await blocker.query("COMMIT");
      await expectSwept(uploadId, path);
    } finally {
      await blocker.end();
    }
  });

  it("has it committed while its SHA-256 is still owed: the sweeper computes and compares that too", async () => {
    const path = rig.nextPath();
    const connection = rig.connect(victim.url);
    const call = rig.create({ path, sizeBytes: BigInt(bytes.length) }, connection);
    const { uploadId } = await call.started();
    rig.service.s3.faults.add({ operation: "GetObject", fault: { kind: "hang" } });
    call.sendBytes(bytes).send({ finish: { sha256 } });
    await until("it is read back", () => rig.service.s3.faults.pending === 0);
    await victim.kill();
    await expectSwept(uploadId, path);
    const [row] = await rig.query("SELECT sha256 FROM file WHERE path = $1", [path]);
    expect(row?.sha256).to.deep.equal(sha256);
  });
});
