import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { findFreePort } from "../devstack/tcp-port.ts";
import { childrenOf, isAlive } from "../testing/rigs/service/linux-processes.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { until } from "../testing/rigs/until.ts";
import { uploadThroughKill } from "../testing/rigs/uploads/killed-processes.ts";
import { UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

describe("The service as a process", () => {
  /** The rig that lends its database and storage. */
  let rig: UploadRig;
  let service: ServiceProcess;
  before(async () => {
    rig = await UploadRig.start();
    await start(await findFreePort());
  });
  after(async () => {
    await service?.kill();
    await rig.stop();
  });
  const start = async (port: number, { args = [MAIN], settings = {} } = {}) => {
    const { endpoint, databaseUrl } = rig.service;
    service = await startServiceProcess(endpoint, {
      ...{ databaseUrl, port, args },
      settings: { SLUICE_PART_SIZE_BYTES: String(PART_BYTES), ...settings },
    });
  };
  /** Runs the service until it ends by itself. */
  const run = async (settings: Record<string, string>) => {
    const env = {
      ...{ SLUICE_DATABASE_URL: rig.service.databaseUrl, SLUICE_S3_BUCKET: "bucket", SLUICE_S3_REGION: "eu-central-1" },
      ...{ SLUICE_AUTH: "dev", SLUICE_DEV_TOKEN: SERVICE_TOKEN, NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE },
      ...settings,
    };
    return await promisify(execFile)(process.execPath, [MAIN], { env }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error) => error as { code: number; stdout: string; stderr: string },
    );
  };

  it("killed in the middle of a file and started again, continues it", async () => {
    await uploadThroughKill(rig, { files: 1, parts: 3, partBytes: PART_BYTES, service }, async () => {
      await service.kill();
      await start(Number(new URL(service.url).port));
    });
  });

  it("ends well by SIGTERM", async () => {
    expect(await service.stop()).to.equal(0);
    expect(service.log.map(({ msg }) => msg).filter((msg) => msg !== "call")).to.deep.equal([
      ...["listening", "draining", "stopped"],
    ]);
  });

  it("drains when the npm that started it has ended", async () => {
    // A process that passes no signal on, like npm's shell.
    const shell = `require("node:child_process").spawn(process.execPath, [${JSON.stringify(MAIN)}], { stdio: "inherit" })`;
    await start(await findFreePort(), { args: ["--eval", shell], settings: { npm_lifecycle_event: "npx" } });
    const [pid] = childrenOf(service.pid);
    await service.stop();
    await until("it has ended", () => !isAlive(pid as number));
    await until("it has said why", () => service.log.some(({ reason }) => String(reason).startsWith("npm")));
    expect(service.log.filter(({ msg }) => msg === "stopped")).to.have.lengthOf(1);
  });

  it("says that its port is taken, in one sentence and before it starts workers, and ends with 1", async () => {
    const { code, stdout, stderr } = await run({ SLUICE_LISTEN: new URL(rig.service.url).host, SLUICE_WORKERS: "3" });
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: "" });
    expect(stderr).to.match(/SLUICE_LISTEN is 127.*, which another program listens on/);
    expect(stderr.trim().split("\n"), "a headline, a sentence and no stack").to.have.length(2);
  });

  it("names variables that nothing reads, and gives up when its workers end as soon as they start", async () => {
    const workersEnd = "--import=data:text/javascript,if(process.send)process.exit(3)";
    const settings = { NODE_OPTIONS: workersEnd, SLUICE_WORKERS: "2", SLUICE_LISTEN: "127.0.0.1:0" };
    const { code, stdout, stderr } = await run({ ...settings, SLUICE_WORKER: "3" });
    expect(code).to.equal(1);
    expect(stderr).to.include("workers end as soon as they start");
    expect(stdout).to.include("a worker ended; another takes its place");
    const sentence = "SLUICE_WORKER is no variable of Sluice and changes nothing; did you mean SLUICE_WORKERS?";
    expect(stdout.split(sentence), "said once").to.have.length(2);
  });
});
