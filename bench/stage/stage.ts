import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/devstack/embedded-postgres.ts";
import { ownDirectory } from "../against/checkout.ts";
import { forkProcess, stopAllProcesses } from "../machine/child-process.ts";
import { clearOnSignal } from "../machine/clear-on-signal.ts";
import type { ServerArguments } from "../servers/server-process.ts";
import { createCertificate } from "./certificate.ts";
import type { Stage } from "./contender.ts";

/** Sluice's default part size; every contender whose part size can be set gets it, too. */
const partSizeBytes = 8 * 1024 * 1024;

/** A stage, and the way to clear it. */
export interface OwnedStage {
  readonly stage: Stage;
  /** Ends every process of the run and removes its files. Safe to call twice. */
  clear(): Promise<void>;
}

/**
 * Sets up what all contenders share: a directory for the run, a certificate in it, and the sink, once in plaintext and once
 * under TLS. The database starts with the first contender that asks for it.
 */
export async function setStage(chunkBytes: number): Promise<OwnedStage> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  let database: Promise<EmbeddedPostgres> | undefined;
  const clear = async () => {
    await stopAllProcesses();
    // A database that failed to start has reported that to whoever asked for it.
    await database?.then(
      (started) => started.stop(),
      () => undefined,
    );
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const certificate = await createCertificate(directory);
    const sink = await startSink({});
    const sinkTls = certificate && (await startSink(certificate));
    const databaseUrl = async () => {
      database ??= startEmbeddedPostgres({ dataDirectory: join(directory, "database"), password: "bench" });
      return (await database).url;
    };
    const receivedBytes = async () => (await sink.receivedBytes()) + ((await sinkTls?.receivedBytes()) ?? 0);
    return {
      stage: {
        directory,
        checkout: ownDirectory,
        certificate,
        chunkBytes,
        partSizeBytes,
        databaseUrl,
        receivedBytes,
        sinkUrl: sink.url,
        sinkTlsUrl: sinkTls?.url,
      },
      clear,
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

/** Works on a stage that is cleared in the end, and on a signal that ends the process. */
export async function onStage<T>(chunkBytes: number, work: (stage: Stage) => Promise<T>): Promise<T> {
  const { stage, clear } = await setStage(chunkBytes);
  clearOnSignal(clear);
  try {
    return await work(stage);
  } finally {
    await clear();
  }
}

async function startSink(tls: Partial<ServerArguments>) {
  const args: ServerArguments = { sinkUrl: "", partSizeBytes, ...tls };
  const sink = await forkProcess(new URL("../servers/sink-server.ts", import.meta.url), {
    args: [JSON.stringify(args)],
  });
  return {
    url: String(sink.ready.url),
    receivedBytes: async () => Number((await sink.ask({})).receivedBytes),
  };
}
