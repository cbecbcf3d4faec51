import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { findFreePort } from "../devstack/tcp-port.ts";
import { SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../testing/rigs/service/service-process.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";
import { createSluiceClient, type SluiceClient } from "./client.ts";

const MIB = 2 ** 20;

describe("a client of two replicas", function () {
  this.timeout(240_000);
  /** The rig that lends its database and storage. */
  let rig: UploadRig;
  let replicas: [ServiceProcess, ServiceProcess];
  let client: SluiceClient;
  let directory: string;
  let source: string;
  const bytes = seededBytes(16 * MIB + 5, 12);
  const settings = { SLUICE_PART_SIZE_BYTES: String(MIB), SLUICE_MEMORY_BUDGET_BYTES: String(8 * MIB) };

  before(async () => {
    rig = await UploadRig.start();
    directory = await mkdtemp(join(tmpdir(), "sluice-replicas-"));
    source = join(directory, "source.bin");
    await writeFile(source, bytes);
  });
  after(async () => {
    await rm(directory, { recursive: true, force: true });
    await rig.stop();
  });
  beforeEach(async () => {
    const { endpoint, databaseUrl } = rig.service;
    const start = async () =>
      await startServiceProcess(endpoint, { databaseUrl, port: await findFreePort(), settings });
    replicas = [await start(), await start()];
    client = createSluiceClient({ urls: replicas.map(({ url }) => url), token: SERVICE_TOKEN });
    // Parts are slow enough for the end of a service to come between them.
    rig.service.s3.faults.add({ operation: "UploadPart", times: 17, fault: { kind: "latency", ms: 100 } });
  });
  afterEach(async () => {
    rig.service.s3.faults.clear();
    client.close();
    await Promise.all(replicas.map((replica) => replica.kill()));
    await rig.expectNothingLeft();
  });

  const expectOneFile = async (path: string) => {
    expect((await rig.download(path)).equals(bytes), "the stored bytes are those of the source").to.equal(true);
    expect(await rig.query("SELECT generation FROM file WHERE path = $1", [path])).to.deep.equal([{ generation: "1" }]);
  };

  for (const [how, end] of [
    ["killed", (replica: ServiceProcess) => replica.kill()],
    ["told to stop", (replica: ServiceProcess) => replica.stop()],
  ] as const) {
    for (const lanes of [1, 4]) {
      it(`ends an upload of ${lanes} ${lanes === 1 ? "stream" : "lanes"} at the other when one is ${how}`, async () => {
        const path = `replicas/${how}-${lanes}`;
        let ending: Promise<unknown> | undefined;
        let failures = 0;
        await client.upload(source, path, {
          lanes,
          onProgress: (progress) => {
            failures = Math.max(failures, progress.failures);
            if (progress.durableBytes >= 3 * MIB) ending ??= end(replicas[0]);
          },
        });
        expect(ending, "the first replica was ended").not.to.equal(undefined);
        // A service that stops in order lets a stream end that can end in time.
        if (how === "killed") expect(failures, "the upload was cut").to.be.at.least(1);
        await ending;
        await expectOneFile(path);
      });
    }
  }

  it("spreads lanes over both", async () => {
    const uploading = client.upload(source, "replicas/spread", { lanes: 4 });
    await until("lanes are on both replicas", async () => {
      const rows = await rig.query("SELECT DISTINCT instance FROM writer WHERE range_end IS NOT NULL");
      return rows.length === 2;
    });
    await uploading;
    await expectOneFile("replicas/spread");
  });

  it("watches on at the other when one is killed", async () => {
    const { uploadId } = await client.createUpload("replicas/watched", { sizeBytes: BigInt(bytes.length) });
    const states: string[] = [];
    let uploading: Promise<unknown> | undefined;
    for await (const { state } of client.watchUpload(uploadId)) {
      states.push(state);
      // The upload is written at the second replica and watched at the first, which is killed at the first report.
      uploading ??= replicas[0].kill().then(async () => {
        const writer = createSluiceClient({ url: replicas[1].url, token: SERVICE_TOKEN });
        await writer.upload(source, "replicas/watched", { resumeUploadId: uploadId }).finally(() => writer.close());
      });
    }
    await uploading;
    expect(states[0]).to.equal("open");
    expect(states.at(-1)).to.equal("committed");
  });

  it("says in one sentence where it was tried when no replica is left", async () => {
    const retry = { triesMax: 4, delayBaseMs: 1, delayMaxMs: 5 };
    let killing: Promise<unknown> | undefined;
    const error = await client
      .upload(source, "replicas/none-left", {
        retry,
        onProgress: ({ durableBytes }) => {
          if (durableBytes >= MIB) killing ??= Promise.all(replicas.map((replica) => replica.kill()));
        },
      })
      .catch((thrown: Error) => thrown);
    await killing;
    const [first, second] = replicas.map(({ url }) => url);
    expect(error).to.include({ code: "unavailable", reason: "CONNECTION_LOST" });
    expect(error)
      .to.have.property("message")
      .that.matches(/^gave up after 4 tries at .* and .*: .+/);
    expect(error).to.have.property("message").that.includes(first).and.includes(second);
  });
});
