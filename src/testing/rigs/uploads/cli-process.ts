import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { UploadState } from "../../../../gen/sluice/v1/upload_service_pb.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../service/running-service.ts";
import { until } from "../until.ts";
import type { UploadRig } from "./upload-rig.ts";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/** The environment of a `sluice` that calls a service of tests and keeps its state in a directory. */
export function cliEnvironment(url: string, directory: string): Record<string, string> {
  return { XDG_STATE_HOME: join(directory, "state"), SLUICE_URL: url, SLUICE_TOKEN: SERVICE_TOKEN };
}

/** Starts `sluice` as a process of its own. */
export function startCli(args: readonly string[], options: { cwd: string; env: Readonly<Record<string, string>> }) {
  const env = { ...process.env, ...options.env };
  return spawn(process.execPath, [MAIN, ...args], { cwd: options.cwd, env, stdio: ["pipe", "pipe", "pipe"] });
}

/** How a process has ended, and all that it has said. */
export async function outcomeOf(child: ChildProcess) {
  const said = [buffer(child.stdout!), text(child.stderr!)] as const;
  const [[code, signal], out, err] = await Promise.all([once(child, "close"), ...said]);
  return { code, signal, out: out.toString(), err };
}

/** Lets the part of that number hang, once: its upload stays unfinished for as long as a test needs. */
export function hangPart(rig: UploadRig, partNumber: number): void {
  const match = { partNumber };
  rig.service.s3.faults.add({ operation: "UploadPart", match, times: 1, fault: { kind: "hang" } });
}

/** Id of the one upload that is remembered in a directory, once so many parts before the one that hangs are durable. */
export async function untilStuckAfter(durableParts: number, rig: UploadRig, directory: string): Promise<string> {
  const records = join(directory, "state/sluice/uploads");
  const uploadId = await until("the upload is remembered", async () => {
    const [name] = await readdir(records).catch(() => []);
    return name?.endsWith(".json") ? JSON.parse(await readFile(join(records, name), "utf8")).uploadId : undefined;
  });
  const durable = BigInt(durableParts * PART_BYTES);
  await until("parts are durable", async () => (await rig.client.getUpload(uploadId)).durableOffset === durable);
  return uploadId;
}

/** Fails unless the upload is committed, with the bytes of its source, and its client has forgotten it. */
export async function expectContinued(
  uploadId: string,
  { rig, directory, path, bytes }: { rig: UploadRig; directory: string; path: string; bytes: Buffer },
): Promise<void> {
  expect((await rig.client.getUpload(uploadId)).state).to.equal(UploadState.COMMITTED);
  expect((await rig.download(path)).equals(bytes), "the stored bytes are those of the source").to.equal(true);
  expect(await readdir(join(directory, "state/sluice/uploads"))).to.deep.equal([]);
}
