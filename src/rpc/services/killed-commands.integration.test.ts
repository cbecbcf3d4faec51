import { randomUUID } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Client } from "pg";
import { FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { SERVICE_TOKEN } from "../../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../../testing/rigs/service/service-process.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";

const HEADERS = { headers: { authorization: `Bearer ${SERVICE_TOKEN}` } };

describe("A process that is killed in the middle of a file's command", () => {
  let rig: UploadRig;
  let victim: ServiceProcess;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  beforeEach(async () => {
    const { endpoint, databaseUrl } = rig.service;
    victim = await startServiceProcess(endpoint, { databaseUrl, port: await findFreePort() });
  });
  afterEach(async () => {
    await victim.kill();
    await rig.expectNothingLeft();
  });

  const bytes = seededBytes(100_000);
  const commandsOf = (url: string) => createClient(FileCommandService, createGrpcTransport({ baseUrl: url }));
  const store = async () => {
    const path = rig.nextPath();
    await rig.create({ path }).sendBytes(bytes).send({ finish: {} }).committed();
    return path;
  };
  const purgeStateOf = async (path: string) =>
    (await rig.query("SELECT purge_state FROM file WHERE path = $1", [path]))[0]?.purge_state;

  for (const [moment, operation] of [
    ["before the bytes are gone", "DeleteObject"],
    ["before the bytes are looked for", "ListObjectVersions"],
  ] as const) {
    it(`has a purge finished by another, ${moment}`, async () => {
      const path = await store();
      await rig.client.deleteFile(path);
      rig.service.s3.faults.add({ operation, fault: { kind: "hang" } });
      const request = { requestId: randomUUID(), namespace: "default", path };
      const lost = commandsOf(victim.url)
        .purgeFile(request, HEADERS)
        .catch(() => {});
      await until("storage is asked", () => rig.service.s3.faults.pending === 0);
      await victim.kill();
      await lost;
      expect(await purgeStateOf(path)).to.equal("purging");
      const { file } = await commandsOf(rig.service.url).purgeFile(request, HEADERS);
      expect(file).to.include({ purged: true, generation: 1n, contentType: "" });
      const rows = await rig.query("SELECT s3_key FROM file WHERE path = $1", [path]);
      expect(await rig.hasObject(String(rows[0]?.s3_key))).to.equal(false);
    });
  }

  it("has a copy made by a repeated call, when storage had not answered", async () => {
    const path = await store();
    rig.service.s3.faults.add({ operation: "CopyObject", fault: { kind: "hang" } });
    const request = { requestId: randomUUID(), namespace: "default", path, targetPath: `${path}.copy` };
    const lost = commandsOf(victim.url)
      .copyFile(request, HEADERS)
      .catch(() => {});
    await until("storage is asked", () => rig.service.s3.faults.pending === 0);
    await victim.kill();
    await lost;
    const { file } = await commandsOf(rig.service.url).copyFile(request, HEADERS);
    expect(file).to.include({ path: request.targetPath, generation: 1n });
    expect((await rig.download(request.targetPath)).equals(bytes)).to.equal(true);
  });

  it("has a copy committed by a repeated call, when the bytes were there", async () => {
    const path = await store();
    const targetPath = `${path}.copy`;
    const request = { requestId: randomUUID(), namespace: "default", path, targetPath };
    const blocker = new Client({ connectionString: rig.service.databaseUrl });
    await blocker.connect();
    try {
      // Every commit to the path takes this lock: the victim waits for it, with the bytes already copied.
      await blocker.query("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0");
      await blocker.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`default/${targetPath}`]);
      const lost = commandsOf(victim.url)
        .copyFile(request, HEADERS)
        .catch(() => {});
      const waiting = `FROM pg_stat_activity a WHERE a.datname = current_database() AND a.wait_event = 'advisory'`;
      const isWaiting = async () => (await rig.query(`SELECT a.pid ${waiting}`)).length > 0;
      await until("the commit waits", isWaiting);
      await victim.kill();
      await lost;
      // The victim's statement would continue: the server notices that a client is gone only when it has something to send.
      await rig.query(`SELECT pg_terminate_backend(a.pid) ${waiting}`);
      await until("nobody waits", async () => !(await isWaiting()));
    } finally {
      await blocker.end();
    }
    const { file } = await commandsOf(rig.service.url).copyFile(request, HEADERS);
    expect(file).to.include({ path: targetPath, generation: 1n });
    expect((await rig.download(targetPath)).equals(bytes)).to.equal(true);
  });
});
