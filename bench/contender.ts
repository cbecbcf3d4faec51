import type { Certificate } from "./certificate.ts";
import { type BenchProcess, forkProcess } from "./child-process.ts";
import type { ClientArguments } from "./clients/client-process.ts";
import type { ServerArguments } from "./servers/server-process.ts";

/** What all contenders of a run have in common. */
export interface Stage {
  /** A directory for this run alone, removed at its end. */
  readonly directory: string;
  /** The checkout of the project whose service is started: this benchmark's own, but where two are compared. */
  readonly checkout: string;
  /** The discarding S3 server, and the same under TLS 1.3 (absent without a certificate). */
  readonly sinkUrl: string;
  readonly sinkTlsUrl: string | undefined;
  /** What TLS contenders serve and trust; absent where `openssl` is. */
  readonly certificate: Certificate | undefined;
  /** Content the sinks have taken in complete requests so far, in bytes. */
  readonly receivedBytes: () => Promise<number>;
  /** Starts an empty PostgreSQL at the first call and resolves with its URL. */
  readonly databaseUrl: () => Promise<string>;
  /** Bytes of an S3 part wherever the contender lets itself be told. */
  readonly partSizeBytes: number;
  /** Bytes in one message or write of a client. */
  readonly chunkBytes: number;
}

/** One way of bringing a file into S3, measured by the process that would be the operator's to pay for. */
export interface Contender {
  readonly id: ContenderId;
  readonly title: string;
  readonly tls: boolean;
  /** What a reader of the table must know to compare fairly. */
  readonly note?: string;
  /** Starts it for one round, or resolves with the sentence that says why this machine cannot. */
  start(stage: Stage): Promise<RunningContender | string>;
}

/** Every contender there is, in the order of the table. */
export type ContenderId =
  | "floor"
  | "floor-tls"
  | "sluice"
  | "sluice-crc"
  | "sluice-crc-tls"
  | "obvious"
  | "lib-storage"
  | "tus-node"
  | "tusd"
  | "tusd-unhashed";

/** A contender ready for uploads. */
export interface RunningContender {
  /** Whose CPU and memory are counted. */
  readonly measured: BenchProcess;
  /** Who is told to upload. */
  readonly client: BenchProcess;
  /** Seconds from the start of the serving process until it was ready, where that is a figure of its own. */
  readonly readySeconds?: number;
}

/** Where this contender's parts go: under TLS only when it is asked to speak TLS itself. */
export function sinkOf(stage: Stage, tls: boolean): string {
  return tls ? stage.sinkTlsUrl! : stage.sinkUrl;
}

/** Starts one of the benchmark's own serving programs (`servers/`). */
export async function startServer(
  entry: URL,
  stage: Stage,
  { tls = false } = {},
): Promise<{ process: BenchProcess; url: string }> {
  const args: ServerArguments = {
    sinkUrl: sinkOf(stage, tls),
    partSizeBytes: stage.partSizeBytes,
    ...(tls ? stage.certificate : {}),
  };
  const process = await forkProcess(entry, { args: [JSON.stringify(args)] });
  return { process, url: String(process.ready.url) };
}

/** Starts one of the client programs (`clients/`), pointed at `url`. */
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
