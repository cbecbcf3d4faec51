import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { createSluiceClient } from "../client/client.ts";
import { findFreePort } from "../devstack/tcp-port.ts";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { createTlsCertificate } from "../testing/rigs/tls-certificate.ts";
import { until } from "../testing/rigs/until.ts";
import type { RawStatus, RawWriteCall } from "../testing/rigs/uploads/raw-write-call.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

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

  it("is ready after its start, and ends well by SIGTERM", async () => {
    const service = await start();
    expect(await service.stop()).to.equal(0);
    expect(service.log.map(({ msg }) => msg)).to.deep.equal(["listening", "draining", "stopped"]);
  });

  for (const workers of [1, 2]) {
    it(`with ${workers} worker(s), killed in the middle of a file and started again, continues it`, async function () {
      this.timeout(240_000);
      const settings = { SLUICE_WORKERS: String(workers), SLUICE_PART_SIZE_BYTES: String(MIB) };
      const first = await start(settings);
      const bytes = seededBytes(24 * MIB + 5);
      const client = createSluiceClient({ url: first.url, token: SERVICE_TOKEN });
      const path = `killed/${workers}`;
      let killing: Promise<ServiceProcess> | undefined;
      const phases: string[] = [];
      // Parts are slow enough for the kill to come between them.
      rig.service.s3.faults.add({ operation: "UploadPart", times: 20, fault: { kind: "latency", ms: 100 } });
      await client.upload(bytes, path, {
        onProgress: ({ durableBytes, phase }) => {
          if (phases.at(-1) !== phase) phases.push(phase);
          if (durableBytes < 3 * MIB) return;
          killing ??= first.kill().then(() => start(settings, Number(new URL(first.url).port)));
        },
      });
      await killing;
      rig.service.s3.faults.clear();
      expect(killing, "the service was killed").not.to.equal(undefined);
      expect(phases).to.include("done");
      expect((await rig.download(path)).equals(bytes)).to.equal(true);
      client.close();
    });
  }

  it("replaces workers that are killed, however often, and stops them all", async function () {
    this.timeout(240_000);
    const service = await start({ SLUICE_WORKERS: "2" });
    const listening = () => service.log.filter(({ msg }) => msg === "listening");
    await until("both workers listen", () => listening().length === 2);
    // This is more often in a row, and sooner, than workers may fail to start.
    for (let kills = 1; kills <= 6; kills++) {
      // The victim is the oldest worker, so that each place has its turn: one place alone would wait ever longer for its next
      // worker.
      const [victim] = await childrenOf(service.pid);
      process.kill(victim as number, "SIGKILL");
      await until("another worker listens", () => listening().length === 2 + kills);
    }
    expect(service.log.map(({ msg }) => msg)).to.include("a worker ended; another takes its place");
    const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    await client.upload(seededBytes(1000), "after/a-worker-died");
    client.close();
    expect((await rig.download("after/a-worker-died")).equals(seededBytes(1000))).to.equal(true);
    const workers = await childrenOf(service.pid);
    expect(await service.stop()).to.equal(0);
    for (const pid of workers) expect(() => process.kill(pid, 0), "the worker is gone").to.throw("ESRCH");
  });

  for (const entry of ["../main.ts", "../cli/launch.js"]) {
    it(`started by ${entry}, becomes a small supervisor, whose workers have its flags of Node`, async () => {
      const flags = ["--no-warnings"];
      const args = [...flags, fileURLToPath(new URL(entry, import.meta.url)), "serve"];
      const service = await start({ SLUICE_WORKERS: "2" }, undefined, args);
      const supervisor = await readCommand(service.pid);
      expect(supervisor).to.include.members([...flags, fileURLToPath(new URL("./cluster-main.ts", import.meta.url))]);
      const workers = await childrenOf(service.pid);
      expect(workers).to.have.lengthOf(2);
      for (const pid of workers) {
        expect(await readCommand(pid)).to.include.members(flags);
      }
      expect(await service.stop()).to.equal(0);
      expect(service.log.map(({ msg }) => msg)).to.include("stopping the workers");
    });
  }

  it("kills a worker that does not drain in time", async function () {
    this.timeout(60_000);
    const service = await start({ SLUICE_WORKERS: "2", SLUICE_DRAIN_TIMEOUT_MS: "200" });
    await until("both workers listen", () => service.log.filter(({ msg }) => msg === "listening").length === 2);
    const workers = await childrenOf(service.pid);
    process.kill(workers[0] as number, "SIGSTOP");
    expect(await service.stop()).to.equal(0);
    for (const pid of workers) expect(() => process.kill(pid, 0), "the worker is gone").to.throw("ESRCH");
    const said = (text: string) => service.log.filter(({ msg }) => msg === text).length;
    expect(said("a worker has not ended in time, and is killed")).to.equal(1);
    expect(said("stopped"), "the other one has drained").to.equal(1);
  });

  it("leaves no worker behind when its supervisor is killed, not even one whose event loop stands still", async function () {
    this.timeout(60_000);
    const standsStill = 'process.on("SIGUSR2", () => { for (;;); });';
    const flags = [`--import=data:text/javascript,${encodeURIComponent(standsStill)}`];
    const args = [...flags, fileURLToPath(new URL("../main.ts", import.meta.url))];
    const service = await start({ SLUICE_WORKERS: "2" }, undefined, args);
    await until("both workers listen", () => service.log.filter(({ msg }) => msg === "listening").length === 2);
    const workers = await childrenOf(service.pid);
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
      const [pid] = await childrenOf(service.pid);
      await service.stop();
      return { service, pid: pid as number };
    };

    for (const SLUICE_WORKERS of ["1", "2"]) {
      it(`drains with ${SLUICE_WORKERS} worker(s) when npm started it`, async () => {
        const { service, pid } = await endParent({ SLUICE_WORKERS, npm_lifecycle_event: "npx" });
        await until("it has ended", () => !isAlive(pid));
        await until("it has said why", () => service.log.some(({ reason }) => String(reason).startsWith("npm")));
        expect(service.log.filter(({ msg }) => msg === "stopped")).to.have.lengthOf(Number(SLUICE_WORKERS));
      });
    }

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

  it("continues the streams of a worker that is killed on the others", async function () {
    this.timeout(60_000);
    const service = await start({ SLUICE_WORKERS: "2", SLUICE_PART_SIZE_BYTES: String(MIB) });
    const listening = () => service.log.filter(({ msg }) => msg === "listening").length;
    await until("both workers listen", () => listening() === 2);
    const victims = await childrenOf(service.pid);
    const files = [1, 2, 3, 4].map((seed) => seededBytes(16 * MIB + seed, seed));
    const clients = files.map(() => createSluiceClient({ url: service.url, token: SERVICE_TOKEN }));
    rig.service.s3.faults.add({ operation: "UploadPart", times: 60, fault: { kind: "latency", ms: 100 } });
    const durable = files.map(() => 0);
    const uploads = clients.map((client, index) =>
      client.upload(files[index] as Buffer, `worker/${index}`, {
        onProgress: ({ durableBytes }) => {
          durable[index] = durableBytes;
        },
      }),
    );
    await until("all are under way", () => durable.every((bytes) => bytes >= 2 * MIB));
    process.kill(victims[0] as number, "SIGKILL");
    await Promise.all(uploads);
    await until("another worker listens", () => listening() === 3);
    rig.service.s3.faults.clear();
    for (const [index, bytes] of files.entries()) {
      expect((await rig.download(`worker/${index}`)).equals(bytes), `file ${index}`).to.equal(true);
    }
    for (const client of clients) client.close();
  });

  it("lets no worker show what another has deleted", async function () {
    this.timeout(120_000);
    const service = await start({ SLUICE_WORKERS: "2" });
    await until("both workers listen", () => service.log.filter(({ msg }) => msg === "listening").length === 2);
    // The supervisor gives connections to the workers in turn.
    const transports = Array.from({ length: 12 }, () => createGrpcTransport({ baseUrl: service.url }));
    const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
    const isShown = async (transport: Transport, path: string) =>
      await createClient(FileQueryService, transport)
        .getFile({ namespace: "default", path }, { headers })
        .then(
          () => true,
          () => false,
        );
    const client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    let stale = 0;
    for (let round = 0; round < 10; round++) {
      const path = `deleted/${round}`;
      await client.upload(seededBytes(10), path);
      // A worker that listens may still wait for its database.
      await Promise.all(transports.map((one) => until("it is shown", () => isShown(one, path))));
      const deleting = createClient(FileCommandService, transports[round % transports.length] as Transport);
      await deleting.deleteFile({ namespace: "default", path, requestId: crypto.randomUUID() }, { headers });
      const answers = await Promise.all(transports.map((transport) => isShown(transport, path)));
      stale += answers.filter(Boolean).length;
      await Promise.all(transports.map((one) => until("it is gone", async () => !(await isShown(one, path)))));
    }
    client.close();
    expect(await service.stop()).to.equal(0);
    expect(stale).to.equal(0);
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

  it("limits the streams of all workers together, whichever of them has the streams", async function () {
    this.timeout(60_000);
    const settings = { SLUICE_WORKERS: "2", SLUICE_UPLOADS_MAX: "3", SLUICE_PART_SIZE_BYTES: "65536" };
    const service = await start(settings);
    const listening = () => service.log.filter(({ msg }) => msg === "listening").length;
    await until("both workers listen", () => listening() === 2);
    const calls: RawWriteCall[] = [];
    /**
     * Opens a call, and opens it again while the worker still waits for its database. Resolves to its status if it was refused.
     */
    const open = async (connection = rig.connect(service.url)) => {
      let status: RawStatus | undefined;
      await until("the worker has its database", async () => {
        const call = rig.create({}, connection);
        calls.push(call);
        const admitted = call.started().then(() => undefined);
        status = await Promise.race([call.status, admitted.catch(() => call.status)]);
        return status?.reason !== "DATABASE_UNAVAILABLE";
      });
      return status;
    };
    // One connection belongs to one worker, which gets all slots.
    const connection = rig.connect(service.url);
    for (let admitted = 0; admitted < 3; admitted++) expect(await open(connection)).to.equal(undefined);
    // Each call has a connection of its own, which any worker may take.
    for (let more = 0; more < 6; more++) {
      const { reason, retryAfterMs, code } = (await open()) ?? {};
      expect({ reason, retryAfterMs, code }).to.deep.equal({ reason: "OVERLOADED", retryAfterMs: 1000, code: 8 });
    }
    // Both workers are killed, and their slots come back.
    for (const pid of await childrenOf(service.pid)) process.kill(pid, "SIGKILL");
    await until("two others listen", () => listening() === 4);
    const again = rig.connect(service.url);
    for (let admitted = 0; admitted < 3; admitted++) expect(await open(again)).to.equal(undefined);
    expect((await open())?.reason).to.equal("OVERLOADED");
    for (const call of calls) call.reset();
  });

  describe("that cannot serve", () => {
    const environment = (settings: Record<string, string>) => ({
      SLUICE_DATABASE_URL: rig.service.databaseUrl,
      SLUICE_S3_BUCKET: "bucket",
      SLUICE_S3_REGION: "eu-central-1",
      SLUICE_AUTH: "dev",
      SLUICE_DEV_TOKEN: SERVICE_TOKEN,
      ...settings,
    });
    /** Runs the service until it ends by itself. */
    const run = async (env: Record<string, string>) => {
      const main = fileURLToPath(new URL("../main.ts", import.meta.url));
      const { NODE_V8_COVERAGE } = process.env;
      return await promisify(execFile)(process.execPath, [main], { env: { ...env, NODE_V8_COVERAGE } }).then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        (error) => error as { code: number; stdout: string; stderr: string },
      );
    };

    it("says all that is wrong with its configuration, and ends with 1", async () => {
      const { code, stderr } = await run({ SLUICE_AUTH: "dev" });
      expect(code).to.equal(1);
      for (const name of ["DATABASE_URL", "S3_BUCKET", "S3_REGION", "DEV_TOKEN"]) {
        expect(stderr).to.include(`SLUICE_${name}`);
      }
      expect(stderr, "no stack").not.to.include("at parseConfig");
    });

    for (const SLUICE_WORKERS of ["1", "3"]) {
      describe(`with ${SLUICE_WORKERS} worker(s)`, () => {
        /**
         * Expects that the service ends by itself with 1, a headline and one sentence, or as many as there are. No worker was started, so none could
         * be replaced.
         */
        const expectSentence = async (settings: Record<string, string>, sentence: RegExp, sentences = 1) => {
          const { code, stdout, stderr } = await run(environment({ ...settings, SLUICE_WORKERS }));
          expect(code, stderr).to.equal(1);
          expect(stderr).to.match(sentence);
          expect(stderr.trim().split("\n")).to.have.length(1 + sentences);
          expect(stdout).to.equal("");
        };

        it("says that its port is taken", async () => {
          const { host } = new URL(rig.service.url);
          await expectSentence({ SLUICE_LISTEN: host }, /SLUICE_LISTEN is 127.*, which another program listens on/);
        });

        it("says that its address is none of this host", async () => {
          const elsewhere = { SLUICE_LISTEN: "192.0.2.1:0", SLUICE_PLAINTEXT: "behind-proxy" };
          await expectSentence(elsewhere, /192\.0\.2\.1:0, which is no address of this host/);
        });

        it("says that its TLS files are not there", async () => {
          const files = { SLUICE_TLS_CERT: "/nowhere.pem", SLUICE_TLS_KEY: "/nowhere.pem" };
          await expectSentence(files, /SLUICE_TLS_CERT is \/nowhere\.pem, which cannot be read \(ENOENT\)/, 2);
        });

        it("says that its TLS files are no PEM, or do not belong together", async function () {
          const [one, two] = [await createTlsCertificate(), await createTlsCertificate()];
          if (one === undefined || two === undefined) return this.skip();
          const directory = await mkdtemp(join(tmpdir(), "sluice-serve-"));
          const files = { SLUICE_TLS_CERT: join(directory, "cert.pem"), SLUICE_TLS_KEY: join(directory, "key.pem") };
          await writeFile(files.SLUICE_TLS_CERT, one.cert);
          await writeFile(files.SLUICE_TLS_KEY, "no key");
          await expectSentence(files, /SLUICE_TLS_KEY is .*key\.pem, which holds no private key in PEM/);
          await writeFile(files.SLUICE_TLS_KEY, two.key);
          await expectSentence(files, /key\.pem, which is not the key of the certificate .*cert\.pem/);
          await rm(directory, { recursive: true });
        });
      });
    }

    it("starts workers that end right after they began to listen ever more slowly", async function () {
      this.timeout(60_000);
      const source = `import cluster from "node:cluster";
        if (cluster.isWorker) setInterval(() => cluster.worker.state === "listening" && process.exit(3), 1);`;
      const workersEnd = `--import=data:text/javascript,${encodeURIComponent(source)}`;
      const settings = { NODE_OPTIONS: workersEnd, SLUICE_WORKERS: "2", SLUICE_LISTEN: "127.0.0.1:0" };
      const main = fileURLToPath(new URL("../main.ts", import.meta.url));
      const child = spawn(process.execPath, [main], {
        env: environment(settings),
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(child, "exit");
      const delays: unknown[] = [];
      createInterface({ input: child.stdout }).on("line", (line) => {
        const { delayMs } = JSON.parse(line);
        if (delayMs !== undefined) delays.push(delayMs);
      });
      await until("a place stands empty for longer than at first", () => delays.includes(500));
      child.kill("SIGTERM");
      expect((await exited)[0], "it stops while a place is empty").to.equal(0);
      expect(delays.filter((delayMs) => delayMs === 0).length, "two places").to.be.at.most(2);
    });

    it("names variables that nothing reads, and gives up when its workers end as soon as they start", async function () {
      this.timeout(240_000);
      const workersEnd = "--import=data:text/javascript,if(process.send)process.exit(3)";
      const unknown = { SLUICE_WORKER: "3" };
      const settings = { NODE_OPTIONS: workersEnd, SLUICE_WORKERS: "2", SLUICE_LISTEN: "127.0.0.1:0", ...unknown };
      const { code, stdout, stderr } = await run(environment(settings));
      expect(code).to.equal(1);
      expect(stderr).to.include("workers end as soon as they start");
      expect(stdout).to.include("a worker ended; another takes its place");
      const sentence = "SLUICE_WORKER is no variable of Sluice and changes nothing; did you mean SLUICE_WORKERS?";
      expect(stdout.split(sentence), "said once").to.have.length(2);
    });
  });
});

/** Process ids of the children, from /proc. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").map(Number);
}

/** Whether a process exists and has not ended: a process that ended and that nobody has waited for is a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The command line of a process, from /proc. */
async function readCommand(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
}
