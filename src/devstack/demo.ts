import { createHash } from "node:crypto";
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { toCrcHex } from "../cli/files/file-json.ts";
import { formatBytes, formatRate, formatTime } from "../cli/terminal/human-units.ts";
import { type BarState, renderBar } from "../cli/terminal/progress-bar.ts";
import { createSluiceClient, type SluiceClient } from "../client/client.ts";
import { findLeader, onceOrphaned } from "../processes/once-stopped.ts";
import { parseCommandLine } from "./command-line.ts";
import { writeDemoFile } from "./demo-file.ts";
import { startStack } from "./stack.ts";
import { createStackSecrets } from "./stack-secrets.ts";

/* `npm run demo`: the main job from end to end on a stack of its own, which leaves nothing behind. */

const PATH = "demo/generated.bin";
/** Between two lines of progress where the output is no terminal, and between two drawings where it is, in milliseconds. */
const LINE_INTERVAL_MS = 1000;
const DRAW_INTERVAL_MS = 100;

const values = parseCommandLine({
  usage:
    "npm run demo -- [options]\n\nA stack of its own; a file up, listed, and back by presigned URL. Leaves nothing behind.",
  options: { size: { default: "1GiB", help: "of the file, like 64MiB or 2GiB" } },
});
const interruption = new AbortController();
const { signal } = interruption;
let interruptedBy: NodeJS.Signals | undefined;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => interrupt(name));
}
onceOrphaned(findLeader(process.env)).then(() => interrupt("SIGTERM"));

try {
  await runDemo(parseSize(values.size));
} catch (error) {
  console.error(
    interruptedBy === undefined
      ? `The demo failed: ${(error as Error).message}`
      : "\nInterrupted; nothing is left behind.",
  );
  process.exitCode = 1;
}
if (interruptedBy !== undefined) {
  process.removeAllListeners(interruptedBy);
  process.kill(process.pid, interruptedBy);
}

async function runDemo(sizeBytes: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-demo-"));
  try {
    await assertSpace(directory, 3 * sizeBytes);
    say("Starting PostgreSQL 15, a development S3 server and Sluice on free ports …");
    const beganAt = performance.now();
    const settings = { SLUICE_LOG_LEVEL: process.env.SLUICE_LOG_LEVEL ?? "warn" };
    const stack = await startStack({
      directory,
      ...createStackSecrets(),
      durable: false,
      settings,
      environment: process.env,
    });
    const client = createSluiceClient({ url: stack.url, token: stack.token });
    try {
      say(`  ready after ${seconds(beganAt)} s: ${stack.url}`);
      signal.throwIfAborted();
      await transfer(client, join(directory, "generated.bin"), sizeBytes);
    } finally {
      client.close();
      await stack.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function transfer(client: SluiceClient, source: string, sizeBytes: number): Promise<void> {
  say(`Generating ${formatBytes(sizeBytes)} of pseudo-random bytes …`);
  const sha256 = await writeDemoFile(source, { sizeBytes, seed: "sluice demo", signal });
  say(`  SHA-256 ${sha256}`);

  say(`Uploading it over gRPC to ${PATH} …`);
  let beganAt = performance.now();
  const show = createDisplay();
  const { receipt } = await client.upload(source, PATH, {
    signal,
    onProgress: (progress) => show({ label: "upload", ...progress }, progress.committed),
  });
  const uploadRate = sizeBytes / elapsedSeconds(beganAt);
  say(
    `  committed after ${seconds(beganAt)} s (${formatRate(uploadRate)}): generation ${receipt?.generation}, CRC32 ${toCrcHex(receipt?.crc32 ?? 0)}`,
  );

  say("Listing the namespace …");
  for await (const file of client.allFiles({ signal })) {
    say(
      `  ${formatBytes(Number(file.sizeBytes))}  ${formatTime(new Date())}  generation ${file.generation}  ${file.path}`,
    );
  }

  say("Downloading it by its presigned URL, straight from S3 …");
  beganAt = performance.now();
  const hash = createHash("sha256");
  const sink = new Writable({
    write(bytes, _encoding, done) {
      hash.update(bytes);
      done();
    },
  });
  const showDownload = createDisplay();
  await client.download(PATH, sink, {
    signal,
    onProgress: (progress) => showDownload({ label: "download", ...progress }, progress.receivedBytes === sizeBytes),
  });
  const downloadRate = sizeBytes / elapsedSeconds(beganAt);
  const downloaded = hash.digest("hex");
  say(`  SHA-256 ${downloaded} after ${seconds(beganAt)} s (${formatRate(downloadRate)})`);
  if (downloaded !== sha256)
    throw new Error("the SHA-256 of the downloaded bytes is another than that of the uploaded ones");

  say(
    `Done: ${formatBytes(sizeBytes)} went up at ${formatRate(uploadRate)} and came back at ${formatRate(downloadRate)}, SHA-256 equal.`,
  );
}

/** A bar on a terminal, a line a second elsewhere. */
function createDisplay(): (state: BarState, isLast: boolean) => void {
  // Pseudo-terminals of CI and containers have no width, and take what is drawn over and over for lines.
  const columns = process.stdout.columns ?? 0;
  const onTerminal = process.stdout.isTTY === true && columns > 0;
  let shownAt = Number.NEGATIVE_INFINITY;
  return (state, isLast) => {
    const now = performance.now();
    if (!isLast && now - shownAt < (onTerminal ? DRAW_INTERVAL_MS : LINE_INTERVAL_MS)) return;
    shownAt = now;
    if (!onTerminal) say(`  ${renderBar(state, 120)}`);
    else process.stdout.write(`\r${renderBar(state, columns)}\u001b[K${isLast ? "\n" : ""}`);
  };
}

async function assertSpace(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= neededBytes) return;
  const free = formatBytes(bavail * bsize);
  throw new Error(
    `${tmpdir()} has ${free} free; the demo needs ${formatBytes(neededBytes)}. Set TMPDIR, or take less with: npm run demo -- --size 64MiB`,
  );
}

function interrupt(by: NodeJS.Signals): void {
  interruptedBy ??= by;
  interruption.abort(new Error("interrupted"));
}

function parseSize(text: string): number {
  const match = /^(\d{1,6})\s*([MG])iB$/.exec(text);
  if (match === null) {
    console.error(`"${text}" is no size; give one like 64MiB or 2GiB`);
    process.exit(2);
  }
  return Number(match[1]) * (match[2] === "G" ? 2 ** 30 : 2 ** 20);
}

function say(line: string): void {
  console.log(line);
}

function elapsedSeconds(beganAt: number): number {
  return Math.max(0.001, (performance.now() - beganAt) / 1000);
}

function seconds(beganAt: number): string {
  return elapsedSeconds(beganAt).toFixed(1);
}
