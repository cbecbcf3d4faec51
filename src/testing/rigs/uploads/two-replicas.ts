import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createSluiceClient, type SluiceClient } from "../../../client/client.ts";
import { findFreePort } from "../../../devstack/tcp-port.ts";
import { SERVICE_TOKEN } from "../service/running-service.ts";
import { type ServiceProcess, startServiceProcess } from "../service/service-process.ts";
import { seededBytes, UploadRig } from "./upload-rig.ts";

const MIB = 2 ** 20;
const SETTINGS = { SLUICE_PART_SIZE_BYTES: String(MIB), SLUICE_MEMORY_BUDGET_BYTES: String(8 * MIB) };

/** What is tested of a client of two replicas, of which the first ends in some way. */
export interface TwoReplicas {
  /** The rig of the second replica, which lends its database and storage to the first. */
  readonly rig: UploadRig;
  /** Knows the first replica, which is of each test's own, and then the second. */
  readonly client: SluiceClient;
  /** A file of sixteen parts. */
  readonly source: string;
  readonly bytes: Buffer;
  readonly firstUrl: string;
  endFirst(): Promise<unknown>;
  /** Uploads the source, and ends the first replica when three parts are durable; resolves to the failures that the client saw. */
  uploadThroughEnd(path: string, lanes: number): Promise<number>;
  expectOneFile(path: string): Promise<void>;
}

/** Starts two replicas for each test of a `describe`: the first a process that is killed, or an app that is told to stop. */
export function useTwoReplicas(how: "killed" | "told to stop"): TwoReplicas {
  let rig: UploadRig;
  let directory: string;
  let source: string;
  let client: SluiceClient;
  let firstUrl: string;
  let endFirst: () => Promise<unknown>;
  const bytes = seededBytes(16 * MIB + 5, 12);
  before(async () => {
    rig = await UploadRig.start({ settings: SETTINGS });
    directory = await mkdtemp(join(tmpdir(), "sluice-replicas-"));
    source = join(directory, "source.bin");
    await writeFile(source, bytes);
  });
  after(async () => {
    await rm(directory, { recursive: true, force: true });
    await rig.stop();
  });
  const startFirst = async (): Promise<string> => {
    if (how === "told to stop") {
      const app = await rig.service.startReplica();
      endFirst = () => app.stop();
      return app.url;
    }
    const { endpoint, databaseUrl } = rig.service;
    const options = { databaseUrl, port: await findFreePort(), settings: SETTINGS };
    const replica: ServiceProcess = await startServiceProcess(endpoint, options);
    endFirst = () => replica.kill();
    return replica.url;
  };
  beforeEach(async () => {
    firstUrl = await startFirst();
    client = createSluiceClient({ urls: [firstUrl, rig.service.url], token: SERVICE_TOKEN });
    // Parts are slow enough for the end of a service to come between them.
    rig.service.s3.faults.add({ operation: "UploadPart", times: 17, fault: { kind: "latency", ms: 100 } });
  });
  afterEach(async () => {
    rig.service.s3.faults.clear();
    client.close();
    await endFirst();
    await rig.expectNothingLeft();
  });
  return {
    bytes,
    get rig() {
      return rig;
    },
    get client() {
      return client;
    },
    get source() {
      return source;
    },
    get firstUrl() {
      return firstUrl;
    },
    endFirst: () => endFirst(),
    uploadThroughEnd: async (path, lanes) => {
      let ending: Promise<unknown> | undefined;
      let failures = 0;
      await client.upload(source, path, {
        lanes,
        onProgress: (progress) => {
          failures = Math.max(failures, progress.failures);
          if (progress.durableBytes >= 3 * MIB) ending ??= endFirst();
        },
      });
      expect(ending, "the first replica was ended").not.to.equal(undefined);
      await ending;
      return failures;
    },
    expectOneFile: async (path) => {
      expect((await rig.download(path)).equals(bytes), "the stored bytes are those of the source").to.equal(true);
      const rows = await rig.query("SELECT generation FROM file WHERE path = $1", [path]);
      expect(rows).to.deep.equal([{ generation: "1" }]);
    },
  };
}
