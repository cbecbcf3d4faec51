import type { ReadWay } from "../clients/read-client.ts";
import type { BenchProcess } from "../machine/child-process.ts";
import { findTlsProblem, type Stage, startClient, startServer, type TlsSides } from "../stage/contender.ts";
import { serviceToken, startSluice } from "../stage/sluice-service.ts";

/** A way of bringing the bytes of an object from S3 to a caller. */
export interface ReadContender {
  readonly id: string;
  readonly title: string;
  /** The contender whose figures this one's are compared with. */
  readonly floor: string;
  /** Starts it so that it has files of these sizes, or resolves with the sentence that says why this machine cannot. */
  start(stage: Stage, sizesBytes: readonly number[]): Promise<RunningRead | string>;
}

/** A contender that is ready. */
export interface RunningRead {
  /** The process whose CPU time is counted. */
  readonly measured: BenchProcess;
  /** Reads a file of that size when it is asked. */
  readonly client: BenchProcess;
  stop(): Promise<void>;
}

/** Relays in that direction, and Sluice by each of its ways. */
export const READ_CONTENDERS: readonly ReadContender[] = [
  relay({ id: "floor", title: "relay, HTTP/1.1", tls: "none", way: "http1" }),
  relay({ id: "floor-h2", title: "relay, HTTP/2", tls: "none", way: "http2" }),
  relay({ id: "floor-tls", title: "relay, HTTP/1.1, TLS in and out", tls: "both", way: "http1" }),
  relay({ id: "floor-h2-tls", title: "relay, HTTP/2, TLS in and out", tls: "both", way: "http2" }),
  sluice({ id: "rest", title: "Sluice, GET over HTTP/1.1", floor: "floor", tls: "none", way: "http1" }),
  sluice({ id: "grpc", title: "Sluice, ReadFile", floor: "floor-h2", tls: "none", way: "grpc" }),
  sluice({
    id: "rest-tls",
    title: "Sluice, GET over HTTP/1.1, TLS in and out",
    floor: "floor-tls",
    tls: "both",
    way: "http1",
  }),
  sluice({
    id: "grpc-tls",
    title: "Sluice, ReadFile, TLS in and out",
    floor: "floor-h2-tls",
    tls: "both",
    way: "grpc",
  }),
  sluice({
    id: "download",
    title: "the TypeScript client, from storage by a presigned URL",
    floor: "floor",
    tls: "none",
    way: "client",
    isClientMeasured: true,
  }),
];

interface Road {
  id: string;
  title: string;
  tls: TlsSides;
  way: ReadWay;
}

function relay({ id, title, tls, way }: Road): ReadContender {
  return {
    id,
    title,
    floor: id,
    async start(stage) {
      const problem = findTlsProblem(stage, tls);
      if (problem !== undefined) return problem;
      const entry = new URL("../servers/read-relay-server.ts", import.meta.url);
      const { process: measured, url } = await startServer(entry, stage, { tls, isHttp2: way === "http2" });
      const client = await startReader(stage, url, { way, path: "/zeros-{size}" });
      return { measured, client, stop: () => stopAll([client, measured]) };
    },
  };
}

function sluice({ id, title, floor, ...road }: Road & { floor: string; isClientMeasured?: boolean }): ReadContender {
  return { id, title, floor, start: (stage, sizesBytes) => startSluiceRead(stage, { ...road, sizesBytes }) };
}

async function startSluiceRead(
  stage: Stage,
  options: { tls: TlsSides; way: ReadWay; sizesBytes: readonly number[]; isClientMeasured?: boolean },
): Promise<RunningRead | string> {
  const { tls, way, sizesBytes, isClientMeasured = false } = options;
  const problem = findTlsProblem(stage, tls);
  if (problem !== undefined) return problem;
  const { process: service, url } = await startSluice(stage, { tls });
  const file = "read/{size}";
  const target = `/v1/namespaces/default/files/${file}`;
  const writer = await startClient(new URL("../clients/put-client.ts", import.meta.url), url, stage, {
    extra: { token: serviceToken, path: target, status: "201,200", content: "zeros" },
  });
  for (const sizeBytes of new Set(sizesBytes)) await writer.ask({ sizeBytes });
  await writer.stop();
  const path = way === "http1" ? `${target}?alt=media&redirect=false` : file;
  const client = await startReader(stage, url, { way, path });
  return { measured: isClientMeasured ? client : service, client, stop: () => stopAll([client, service]) };
}

function startReader(stage: Stage, url: string, { way, path }: { way: ReadWay; path: string }): Promise<BenchProcess> {
  const entry = new URL("../clients/read-client.ts", import.meta.url);
  return startClient(entry, url, stage, { extra: { token: serviceToken, way, path } });
}

async function stopAll(processes: readonly BenchProcess[]): Promise<void> {
  for (const one of processes) await one.stop();
}
