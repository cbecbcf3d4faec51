import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { UploadState } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { findFreePort } from "../../devstack/tcp-port.ts";
import { SERVICE_TOKEN } from "../../testing/rigs/service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../../testing/rigs/service/service-process.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";
import { createSluiceClient, type SluiceClient } from "../client.ts";

const MIB = 2 ** 20;

describe("upload by lanes, against a service of two workers", () => {
  /** The rig that lends its database and storage. */
  let rig: UploadRig;
  let service: ServiceProcess;
  let client: SluiceClient;
  let directory: string;
  let source: string;
  const bytes = seededBytes(32 * MIB + 5, 11);
  // The memory is so small that parts become durable a few at a time.
  const settings = {
    SLUICE_WORKERS: "2",
    SLUICE_PART_SIZE_BYTES: String(MIB),
    SLUICE_MEMORY_BUDGET_BYTES: String(16 * MIB),
  };
  before(async () => {
    rig = await UploadRig.start();
    directory = await mkdtemp(join(tmpdir(), "sluice-lanes-"));
    source = join(directory, "source.bin");
    await writeFile(source, bytes);
    const { endpoint, databaseUrl } = rig.service;
    service = await startServiceProcess(endpoint, { databaseUrl, port: await findFreePort(), settings });
    await until("both workers listen", () => service.log.filter(({ msg }) => msg === "listening").length === 2);
  });
  after(async () => {
    await service?.kill();
    await rm(directory, { recursive: true, force: true });
    await rig.stop();
  });
  beforeEach(() => {
    client = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
  });
  afterEach(async () => {
    rig.service.s3.faults.clear();
    client.close();
    await rig.expectNothingLeft();
  });

  /** Process ids of the workers, from /proc. */
  const findWorkers = async () => {
    const text = await readFile(`/proc/${service.pid}/task/${service.pid}/children`, "utf8");
    return text.trim().split(" ").map(Number);
  };
  /** Parts are slow enough for a kill to come between them. */
  const slowParts = () =>
    rig.service.s3.faults.add({ operation: "UploadPart", times: 33, fault: { kind: "latency", ms: 100 } });
  const expectOneFile = async (path: string) => {
    expect((await rig.download(path)).equals(bytes), "the stored bytes are those of the source").to.equal(true);
    const rows = await rig.query("SELECT generation FROM file WHERE path = $1", [path]);
    expect(rows).to.deep.equal([{ generation: "1" }]);
  };

  it("is written by both workers", async () => {
    slowParts();
    const uploading = client.upload(source, "lanes/both", { lanes: 4 });
    await until("lanes are on both workers", async () => {
      const rows = await rig.query("SELECT DISTINCT instance FROM writer WHERE range_end IS NOT NULL");
      return rows.length === 2;
    });
    expect((await uploading).receipt?.sizeBytes).to.equal(BigInt(bytes.length));
    await expectOneFile("lanes/both");
  });

  it("goes on when one of the workers is killed", async () => {
    slowParts();
    const [victim] = await findWorkers();
    let isKilled = false;
    let failures = 0;
    await client.upload(source, "lanes/killed-worker", {
      lanes: 4,
      onProgress: (progress) => {
        failures = Math.max(failures, progress.failures);
        if (progress.durableBytes < 5 * MIB || isKilled) return;
        isKilled = true;
        process.kill(victim as number, "SIGKILL");
      },
    });
    expect(isKilled, "a worker was killed").to.equal(true);
    expect(failures).to.be.at.least(1);
    await expectOneFile("lanes/killed-worker");
  });

  it("continues with the gaps when its client ended, and sends little twice", async () => {
    slowParts();
    const path = "lanes/ended-client";
    let uploadId: string | undefined;
    const controller = new AbortController();
    const cut = await client
      .upload(source, path, {
        lanes: 4,
        signal: controller.signal,
        onUploadId: (id) => {
          uploadId = id;
        },
        onProgress: ({ durableBytes }) => durableBytes >= 9 * MIB && controller.abort(new Error("ended")),
      })
      .catch((error: Error) => error);
    expect(cut).to.include({ message: "ended" });
    rig.service.s3.faults.clear();
    const before = rig.service.s3.requestCount("UploadPart");
    const again = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    await again.upload(source, path, { lanes: 3, resumeUploadId: uploadId });
    expect(rig.service.s3.requestCount("UploadPart") - before, "parts that were missing").to.be.at.most(33 - 9);
    expect((await again.getUpload(uploadId as string)).state).to.equal(UploadState.COMMITTED);
    again.close();
    await expectOneFile(path);
  });

  it("ends with a sentence when another client takes the upload over", async () => {
    slowParts();
    const path = "lanes/taken-over";
    let uploadId: string | undefined;
    let taking: Promise<unknown> | undefined;
    const other = createSluiceClient({ url: service.url, token: SERVICE_TOKEN });
    const error = await client
      .upload(source, path, {
        lanes: 4,
        onUploadId: (id) => {
          uploadId = id;
        },
        onProgress: ({ durableBytes }) => {
          if (durableBytes >= 5 * MIB) taking ??= other.upload(source, path, { resumeUploadId: uploadId, lanes: 1 });
        },
      })
      .catch((thrown: Error) => thrown);
    expect(error).to.include({ code: "aborted", reason: "WRITER_FENCED" });
    await taking;
    other.close();
    await expectOneFile(path);
  });
});
