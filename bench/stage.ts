import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificate } from "./certificate.ts";
import { forkProcess } from "./child-process.ts";
import type { Stage } from "./contender.ts";
import type { ServerArguments } from "./servers/server-process.ts";

/** Sluice's default, told to every contender that lets itself be told. */
const partSizeBytes = 8 * 1024 * 1024;

/** Makes the directory that everything of one run lies in. */
export async function createStageDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  // PostgreSQL's data lies in it, and runs as another user when this is root.
  await chmod(directory, 0o711);
  return directory;
}

/** Removes it with all that is in it. */
export async function removeStageDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

/** Makes the certificate and starts the sink, once in plaintext and once under TLS: what all contenders share. */
export async function setStage(directory: string, chunkBytes: number): Promise<Stage> {
  const certificate = await createCertificate(directory);
  const startSink = async (tls: object) => {
    const args: ServerArguments = { sinkUrl: "", partSizeBytes, ...tls };
    const sink = await forkProcess(new URL("servers/sink-server.ts", import.meta.url), {
      args: [JSON.stringify(args)],
    });
    return String(sink.ready.url);
  };
  let database: Promise<string> | undefined;
  const startDatabase = async () => {
    const started = await forkProcess(new URL("servers/database-server.ts", import.meta.url), { args: [directory] });
    return String(started.ready.url);
  };
  return {
    directory,
    databaseUrl: () => (database ??= startDatabase()),
    certificate,
    chunkBytes,
    partSizeBytes,
    sinkUrl: await startSink({}),
    sinkTlsUrl: certificate && (await startSink(certificate)),
  };
}
