import { fileURLToPath } from "node:url";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { childrenOf, commandOf, isAlive } from "../testing/rigs/service/linux-processes.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { until } from "../testing/rigs/until.ts";
import { replaceOldestWorker, untilListening, uploadThroughKill } from "../testing/rigs/uploads/killed-processes.ts";
import type { RawStatus, RawWriteCall } from "../testing/rigs/uploads/raw-write-call.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const FLAGS = ["--no-warnings"];
const SLOTS = 3;

describe("The service with two workers", () => {
  /** The rig that lends its database and storage. */
  let rig: UploadRig;
  let service: ServiceProcess;
  let metricsListen: string;
  before(async () => {
    rig = await UploadRig.start();
    metricsListen = `127.0.0.1:${await findFreePort()}`;
    const { endpoint, databaseUrl } = rig.service;
    service = await startServiceProcess(endpoint, {
      ...{ databaseUrl, port: await findFreePort() },
      args: [...FLAGS, fileURLToPath(new URL("../cli/launch.js", import.meta.url)), "serve"],
      settings: {
        ...{ SLUICE_WORKERS: "2", SLUICE_UPLOADS_MAX: String(SLOTS), SLUICE_PART_SIZE_BYTES: String(PART_BYTES) },
        SLUICE_METRICS_LISTEN: metricsListen,
      },
    });
    await untilListening(service, 2);
  });
  after(async () => {
    await service?.kill();
    await rig.stop();
  });

  it("becomes a small supervisor, whose workers have its flags of Node", () => {
    const exec = fileURLToPath(new URL("./cluster-main.ts", import.meta.url));
    expect(commandOf(service.pid)).to.include.members([...FLAGS, exec]);
    const workers = childrenOf(service.pid);
    expect(workers).to.have.lengthOf(2);
    for (const pid of workers) expect(commandOf(pid)).to.include.members(FLAGS);
  });

  it("shows Prometheus the metrics of both", async () => {
    const { body } = await callRest(`http://${metricsListen}/metrics`);
    expect(body.match(/^sluice_upload_streams\{service_instance_id="[^"]+"\} 0$/gm)).to.have.length(2);
  });

  it("lets no worker show what another has deleted", async () => {
    // The supervisor gives connections to the workers in turn.
    const transports = Array.from({ length: 4 }, () => createGrpcTransport({ baseUrl: service.url }));
    const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
    const isShown = async (transport: Transport, path: string) =>
      await createClient(FileQueryService, transport)
        .getFile({ namespace: "default", path }, { headers })
        .then(
          () => true,
          () => false,
        );
    for (const [round, transport] of transports.entries()) {
      const path = `deleted/${round}`;
      await rig.client.upload(seededBytes(10), path);
      // A worker that listens may still wait for its database.
      await Promise.all(transports.map((one) => until("it is shown", () => isShown(one, path))));
      const request = { namespace: "default", path, requestId: crypto.randomUUID() };
      await createClient(FileCommandService, transport).deleteFile(request, { headers });
      expect(await Promise.all(transports.map((one) => isShown(one, path)))).to.deep.equal(transports.map(() => false));
    }
  });

  it("limits the streams of all workers together, and takes back those of a worker that is killed", async () => {
    const calls: RawWriteCall[] = [];
    /** Opens a call. Resolves to its status if it was refused. */
    const open = async (connection = rig.connect(service.url)): Promise<RawStatus | undefined> => {
      const call = rig.create({}, connection);
      calls.push(call);
      return await Promise.race([
        call.status,
        call.started().then(
          () => undefined,
          () => call.status,
        ),
      ]);
    };
    /** Takes all slots for one worker: a connection belongs to one worker. A worker that has begun to listen may still wait for its database. */
    const takeAll = async () => {
      const connection = rig.connect(service.url);
      for (let taken = 0; taken < SLOTS; taken++) {
        await until("a slot is taken", async () => (await open(connection)) === undefined);
      }
    };
    await takeAll();
    // Each call has a connection of its own, which either worker may take.
    for (let more = 0; more < 4; more++) {
      const { reason, retryAfterMs, code } = (await open()) ?? {};
      expect({ reason, retryAfterMs, code }).to.deep.equal({ reason: "OVERLOADED", retryAfterMs: 1000, code: 8 });
    }
    for (let worker = 0; worker < 2; worker++) await replaceOldestWorker(service);
    expect(service.log.map(({ msg }) => msg)).to.include("a worker ended; another takes its place");
    await takeAll();
    await until("another is refused", async () => (await open())?.reason === "OVERLOADED");
    for (const call of calls) call.reset();
  });

  it("continues the streams of a worker that is killed on the others", async () => {
    const [victim] = childrenOf(service.pid);
    await uploadThroughKill(rig, { files: SLOTS, parts: 2, partBytes: PART_BYTES, service }, () =>
      process.kill(victim as number, "SIGKILL"),
    );
  });

  it("stops them all", async () => {
    const workers = childrenOf(service.pid);
    expect(await service.stop()).to.equal(0);
    expect(service.log.map(({ msg }) => msg)).to.include("stopping the workers");
    for (const pid of workers) expect(isAlive(pid)).to.equal(false);
  });
});
