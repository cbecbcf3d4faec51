import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { findFreePort } from "../devstack/tcp-port.ts";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import {
  cliEnvironment,
  expectContinued,
  hangPart,
  outcomeOf,
  startCli,
  untilStuckAfter,
} from "../testing/rigs/uploads/cli-process.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("sluice, when its service is killed", () => {
  let directory: string;
  /** The rig that lends its database and storage. */
  let rig: UploadRig;
  let service: ServiceProcess;
  let source: string;
  const bytes = seededBytes(12 * PART_BYTES);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-cli-"));
    rig = await UploadRig.start();
    source = join(directory, "source.bin");
    await writeFile(source, bytes);
    service = await startService(await findFreePort());
  });
  after(async () => {
    await service?.kill();
    await rig?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const startService = async (port: number) => {
    const { endpoint, databaseUrl } = rig.service;
    const settings = { SLUICE_PART_SIZE_BYTES: String(PART_BYTES) };
    return await startServiceProcess(endpoint, { databaseUrl, port, settings });
  };
  const start = (...args: string[]) => startCli(args, { cwd: directory, env: cliEnvironment(service.url, directory) });
  const restart = async () => {
    service = await startService(Number(new URL(service.url).port));
  };

  for (const lanes of ["1", "4"]) {
    it(`goes on by itself when the service comes back, by ${lanes} lanes`, async () => {
      hangPart(rig, 7);
      const path = `service-killed-${lanes}.bin`;
      const ended = outcomeOf(start("upload", source, path, "--lanes", lanes));
      const uploadId = await untilStuckAfter(6, rig, directory);
      await service.kill();
      await restart();
      const { code, err } = await ended;
      expect(code, err).to.equal(0);
      await expectContinued(uploadId, { rig, directory, path, bytes });
    });
  }

  it("continues, when run again, what it and the service were killed in, and sends only what was in flight", async () => {
    hangPart(rig, 11);
    const first = start("upload", source, "both-killed.bin");
    const cut = outcomeOf(first);
    const uploadId = await untilStuckAfter(10, rig, directory);
    await service.kill();
    first.kill("SIGKILL");
    await cut;
    await restart();
    const { code, out, err } = await outcomeOf(start("upload", source, "both-killed.bin", "--json"));
    expect(code, err).to.equal(0);
    const { resumedBytes } = JSON.parse(out.trim().split("\n").at(-1) ?? "");
    // Parts 11 and 12 were in flight: nothing before them is sent again.
    expect(resumedBytes).to.be.within(10 * PART_BYTES, bytes.length);
    await expectContinued(uploadId, { rig, directory, path: "both-killed.bin", bytes });
  });
});
