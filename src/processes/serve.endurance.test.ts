import { once } from "node:events";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { findFreePort } from "../devstack/tcp-port.ts";
import { childrenOf, isAlive } from "../testing/rigs/service/linux-processes.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { until } from "../testing/rigs/until.ts";
import { replaceOldestWorker, untilListening, uploadThroughKill } from "../testing/rigs/uploads/killed-processes.ts";
import { UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const MIB = 2 ** 20;

describe("The service as a process", () => {
  /** The rig that lends its database and storage. */
  let rig: UploadRig;
  let running: ServiceProcess | undefined;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(async () => {
    await running?.kill();
    running = undefined;
  });
  const start = async (settings: Record<string, string> = {}, port?: number, args?: string[]) => {
    const { endpoint, databaseUrl } = rig.service;
    const options = { databaseUrl, port: port ?? (await findFreePort()), settings, ...(args && { args }) };
    running = await startServiceProcess(endpoint, options);
    return running;
  };

  it("replaces workers that are killed more often, and sooner, than workers may fail to start", async () => {
    const service = await start({ SLUICE_WORKERS: "2" });
    await untilListening(service, 2);
    for (let kills = 0; kills < 6; kills++) await replaceOldestWorker(service);
    expect(await service.stop()).to.equal(0);
  });

  it("continues large files of a service that is killed, and of workers that are killed", async () => {
    const settings = { SLUICE_WORKERS: "2", SLUICE_PART_SIZE_BYTES: String(MIB) };
    const service = await start(settings);
    await untilListening(service, 2);
    const uploads = { files: 4, parts: 16, partBytes: MIB, service };
    await uploadThroughKill(rig, uploads, () => process.kill(childrenOf(service.pid)[0] as number, "SIGKILL"));
    await uploadThroughKill(rig, uploads, async () => {
      await service.kill();
      await start(settings, Number(new URL(service.url).port));
    });
  });

  it("kills a worker that does not drain in time", async () => {
    const service = await start({ SLUICE_WORKERS: "2", SLUICE_DRAIN_TIMEOUT_MS: "200" });
    await untilListening(service, 2);
    const workers = childrenOf(service.pid);
    process.kill(workers[0] as number, "SIGSTOP");
    expect(await service.stop()).to.equal(0);
    for (const pid of workers) expect(() => process.kill(pid, 0), "the worker is gone").to.throw("ESRCH");
    const said = (text: string) => service.log.filter(({ msg }) => msg === text).length;
    expect(said("a worker has not ended in time, and is killed")).to.equal(1);
    expect(said("stopped"), "the other one has drained").to.equal(1);
  });

  it("leaves no worker behind when its supervisor is killed, not even one whose event loop stands still", async () => {
    const standsStill = 'process.on("SIGUSR2", () => { for (;;); });';
    const flags = [`--import=data:text/javascript,${encodeURIComponent(standsStill)}`];
    const args = [...flags, fileURLToPath(new URL("../main.ts", import.meta.url))];
    const service = await start({ SLUICE_WORKERS: "2" }, undefined, args);
    await untilListening(service, 2);
    const workers = childrenOf(service.pid);
    process.kill(workers[0] as number, "SIGUSR2");
    await service.kill();
    for (const pid of workers) await until(`worker ${pid} is gone`, () => !isAlive(pid));
  });

  describe("whose parent has ended", () => {
    /**
     * Starts the service below a process that passes no signal on, like npm's shell. Resolves once SIGTERM has ended that
     * process.
     */
    const endParent = async (settings: Record<string, string>) => {
      const main = fileURLToPath(new URL("../main.ts", import.meta.url));
      const shell = `require("node:child_process").spawn(process.execPath, [${JSON.stringify(main)}], { stdio: "inherit" })`;
      const service = await start(settings, undefined, ["--eval", shell]);
      const [pid] = childrenOf(service.pid);
      await service.stop();
      return { service, pid: pid as number };
    };

    it("drains two workers when npm started it", async () => {
      const { service, pid } = await endParent({ SLUICE_WORKERS: "2", npm_lifecycle_event: "npx" });
      await until("it has ended", () => !isAlive(pid));
      await until("both have said so", () => service.log.filter(({ msg }) => msg === "stopped").length === 2);
    });

    it("goes on when something else started it", async () => {
      const { service, pid } = await endParent({});
      const followed = await endParent({ npm_lifecycle_event: "start" });
      await until("another one, which npm started, has ended", () => !isAlive(followed.pid));
      expect(isAlive(pid)).to.equal(true);
      expect((await fetch(`${service.url}/livez`)).status).to.equal(200);
      process.kill(pid, "SIGTERM");
      await until("it has ended", () => !isAlive(pid));
    });
  });

  it("resets the surplus of one address in whichever worker it arrives, and serves another address", async () => {
    const service = await start({ SLUICE_WORKERS: "2", SLUICE_ADDRESS_CONNECTIONS_MAX: "2" });
    const { port, hostname: host } = new URL(service.url);
    const connect = (localAddress: string) => {
      const socket = net.connect({ port: Number(port), host, localAddress }).on("error", () => {});
      socket.write("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
      return socket;
    };
    const held: net.Socket[] = [];
    // Workers take turns, so two of these calls find both workers full. Every call that is not refused is answered.
    await until("both workers hold one", async () => {
      const socket = connect("127.0.0.1");
      const isServed = await new Promise<boolean>((resolve) => {
        socket.once("data", () => resolve(true)).once("close", () => resolve(false));
      });
      if (isServed) held.push(socket);
      return held.length === 2;
    });
    const surplus = Array.from({ length: 20 }, () => connect("127.0.0.1"));
    await Promise.all(surplus.map((socket) => until("it is reset", () => socket.destroyed && socket.bytesRead === 0)));
    const other = connect("127.0.0.2");
    await once(other, "data");
    for (const socket of [...held, other]) socket.destroy();
  });
});
