import type { ClientArguments } from "../clients/client-process.ts";
import { type BenchProcess, forkProcess } from "../machine/child-process.ts";
import type { ServerArguments } from "../servers/server-process.ts";
import type { Certificate } from "./certificate.ts";

/** The servers, files and sizes that all contenders of a run share. */
export interface Stage {
  /** A directory for this run alone; it is removed at the end. */
  readonly directory: string;
  /** Folder of the checkout whose service is started: this benchmark's own, unless two checkouts are compared. */
  readonly checkout: string;
  /** URL of the S3 server that discards everything, and of the same server under TLS 1.3 (absent without a certificate). */
  readonly sinkUrl: string;
  readonly sinkTlsUrl: string | undefined;
  /** The certificate that TLS contenders serve and trust; absent when the machine has no `openssl`. */
  readonly certificate: Certificate | undefined;
  /** Bytes of content that the sinks have taken in complete requests so far. */
  readonly receivedBytes: () => Promise<number>;
  /** Starts an empty PostgreSQL at the first call and resolves with its URL. */
  readonly databaseUrl: () => Promise<string>;
  /** Bytes of an S3 part, for every contender whose part size can be set. */
  readonly partSizeBytes: number;
  /** Bytes in one message or write of a client. */
  readonly chunkBytes: number;
}

/** One way of bringing a file into S3. The measured process is the one that an operator would have to pay for. */
export interface Contender {
  readonly id: ContenderId;
  readonly title: string;
  readonly tls: TlsSides;
  /** A remark that a reader of the table needs in order to compare fairly. */
  readonly note?: string;
  /** Starts the contender for one round, or resolves with the sentence that says why this machine cannot. */
  start(stage: Stage): Promise<RunningContender | string>;
}

/** A contender has TLS 1.3 nowhere, on both sides, or to S3 alone, as behind a load balancer. */
export type TlsSides = "none" | "both" | "to-s3";

/** The ids of all contenders, in the order of the table. */
export type ContenderId =
  | "raw"
  | "floor"
  | "floor-single"
  | "floor-tls"
  | "floor-tls-to-s3"
  | "sluice"
  | "sluice-crc"
  | "sluice-crc-tls"
  | "sluice-crc-tls-to-s3"
  | "sluice-put"
  | "sluice-put-h2"
  | "sluice-client"
  | "obvious"
  | "lib-storage"
  | "lib-storage-tls"
  | "tus-node"
  | "tusd"
  | "tusd-unhashed"
  | "tusd-unhashed-tls";

/** A contender ready for uploads. */
export interface RunningContender {
  /** The process whose CPU time and memory are counted. */
  readonly measured: BenchProcess;
  /** The process that is told to upload. */
  readonly client: BenchProcess;
  /** Seconds from the start of the serving process until it was ready, if that is a figure of this contender. */
  readonly readySeconds?: number;
}

/** URL of the sink for this contender's parts. */
export function sinkOf(stage: Stage, tls: TlsSides): string {
  return tls === "none" ? stage.sinkUrl : stage.sinkTlsUrl!;
}

/** Why a contender with TLS cannot run on this machine; undefined where it can. */
export function findTlsProblem(stage: Stage, tls: TlsSides): string | undefined {
  return tls === "none" || stage.certificate !== undefined ? undefined : "no openssl to make a certificate with";
}

/** Starts one of the benchmark's own serving programs (`servers/`). */
export async function startServer(
  entry: URL,
  stage: Stage,
  { tls = "none", ...more }: { tls?: TlsSides } & Pick<ServerArguments, "corkBytes" | "isHttp2"> = {},
): Promise<{ process: BenchProcess; url: string }> {
  const args: ServerArguments = {
    sinkUrl: sinkOf(stage, tls),
    partSizeBytes: stage.partSizeBytes,
    ...more,
    trustedPath: stage.certificate?.certPath,
    ...(tls === "both" ? stage.certificate : {}),
  };
  const process = await forkProcess(entry, { args: [JSON.stringify(args)] });
  return { process, url: String(process.ready.url) };
}

/** Starts one of the client programs (`clients/`), which sends to `url`. */
export async function startClient(
  entry: URL,
  url: string,
  stage: Stage,
  options: Pick<ClientArguments, "extra"> & { readonly chunkBytes?: number } = {},
): Promise<BenchProcess> {
  const args: ClientArguments = {
    url,
    chunkBytes: stage.chunkBytes,
    certPath: stage.certificate?.certPath,
    ...options,
  };
  return forkProcess(entry, { args: [JSON.stringify(args)] });
}
