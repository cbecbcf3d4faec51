import type { SmallRun, SmallTimes, SmallWay } from "../clients/small-client.ts";
import { startTusd } from "../contenders/tusd.ts";
import type { BenchProcess } from "../machine/child-process.ts";
import { type Stage, startClient, startServer } from "../stage/contender.ts";
import { serviceToken, startSluice } from "../stage/sluice-service.ts";

/** A way of bringing many small files into S3. */
export interface SmallContender {
  readonly id: string;
  readonly title: string;
  /** Whether its service keeps a record in the stage's database. */
  readonly hasDatabase: boolean;
  /** Starts it, or resolves with the sentence that says why this machine cannot. */
  start(stage: Stage): Promise<RunningSmall | string>;
}

/** A contender that is ready. */
export interface RunningSmall {
  /** The process whose CPU time is counted. */
  readonly measured: BenchProcess;
  upload(run: SmallRun): Promise<SmallTimes>;
  stop(): Promise<void>;
}

/** Sluice by each of its ways, and what else people would take. */
export const SMALL_CONTENDERS: readonly SmallContender[] = [
  sluice("sluice", "Sluice, WriteUpload", "grpc"),
  sluice("sluice-put", "Sluice, PUT over HTTP/1.1", "put"),
  sluice("sluice-client", "Sluice, its TypeScript client", "client"),
  {
    id: "tusd",
    title: "tusd, content hashes off",
    hasDatabase: false,
    async start(stage) {
      const server = await startTusd(stage, "none", ["-s3-disable-content-hashes"]);
      return typeof server === "string" ? server : await run(stage, server.process, { url: server.url, way: "tus" });
    },
  },
  {
    id: "tus-node",
    title: "@tus/server + @tus/s3-store",
    hasDatabase: false,
    async start(stage) {
      const { process, url } = await startServer(new URL("../servers/tus-node-server.ts", import.meta.url), stage);
      return await run(stage, process, { url: `${url}/files`, way: "tus" });
    },
  },
  {
    id: "sdk",
    title: "PutObject by the SDK, no service between",
    hasDatabase: false,
    start: (stage) => run(stage, undefined, { url: stage.sinkUrl, way: "sdk" }),
  },
];

function sluice(id: string, title: string, way: SmallWay): SmallContender {
  return {
    id,
    title,
    hasDatabase: true,
    async start(stage) {
      const { process, url } = await startSluice(stage);
      return await run(stage, process, { url, way });
    },
  };
}

async function run(
  stage: Stage,
  server: BenchProcess | undefined,
  { url, way }: { url: string; way: SmallWay },
): Promise<RunningSmall> {
  const entry = new URL("../clients/small-client.ts", import.meta.url);
  const client = await startClient(entry, url, stage, { extra: { token: serviceToken, way } });
  return {
    measured: server ?? client,
    upload: async (asked) => (await client.ask(asked)) as unknown as SmallTimes,
    stop: async () => {
      await client.stop();
      await server?.stop();
    },
  };
}
