import type { BenchProcess } from "../machine/child-process.ts";
import { readProcessUsage } from "../machine/process-usage.ts";
import type { Contender, ContenderId, RunningContender, Stage } from "../stage/contender.ts";

const gib = 1024 ** 3;

/** The cost of bringing bytes from one place to another. */
export interface Transfer {
  readonly mibPerSecond: number;
  /** User plus system time of the measured process, per GiB. */
  readonly cpuSecondsPerGib: number;
  /** The part of it that the kernel took. */
  readonly systemSecondsPerGib: number;
  readonly peakRssBytes: number;
}

/** The cost of one upload through one contender. */
export interface Measurement extends Transfer {
  readonly id: ContenderId;
  readonly readySeconds?: number;
}

/** Why there is no measurement: the machine lacks something, or (`failed`) the contender broke down. */
export interface Absence {
  readonly reason: string;
  readonly failed: boolean;
}

/**
 * Starts a contender and uploads `warmUpBytes` that do not count: a service runs for days, so its compiled code is compared
 * and not its start. Then it measures one upload of `sizeBytes`, and stops the contender. It never rejects: one contender
 * that fails must not cost the results of the others.
 */
export async function measureUpload(
  contender: Contender,
  stage: Stage,
  { sizeBytes, warmUpBytes }: { sizeBytes: number; warmUpBytes: number },
): Promise<Measurement | Absence> {
  try {
    const running = await contender.start(stage);
    if (typeof running === "string") return { reason: running, failed: false };
    return { id: contender.id, ...(await measureRunning(running, stage, { sizeBytes, warmUpBytes })) };
  } catch (error) {
    return { reason: (error as Error).message, failed: true };
  }
}

/** Has the client send or fetch so many bytes, and measures what that costs `measured`. */
export async function measureTransfer(
  measured: BenchProcess,
  client: BenchProcess,
  sizeBytes: number,
): Promise<Transfer> {
  const before = readProcessUsage(measured.pid);
  const { seconds } = await client.ask({ sizeBytes });
  const after = readProcessUsage(measured.pid);
  return {
    mibPerSecond: sizeBytes / 1024 ** 2 / Number(seconds),
    cpuSecondsPerGib: (after.cpuSeconds - before.cpuSeconds) / (sizeBytes / gib),
    systemSecondsPerGib: (after.systemSeconds - before.systemSeconds) / (sizeBytes / gib),
    peakRssBytes: after.peakRssBytes,
  };
}

async function measureRunning(
  running: RunningContender,
  stage: Stage,
  { sizeBytes, warmUpBytes }: { sizeBytes: number; warmUpBytes: number },
): Promise<Omit<Measurement, "id">> {
  const { measured, client, readySeconds } = running;
  try {
    if (warmUpBytes > 0) await client.ask({ sizeBytes: warmUpBytes });
    const receivedBefore = await stage.receivedBytes();
    const transfer = await measureTransfer(measured, client, sizeBytes);
    const receivedBytes = (await stage.receivedBytes()) - receivedBefore;
    if (receivedBytes < sizeBytes) {
      throw new Error(`it says it is done, but S3 got ${receivedBytes} bytes of ${sizeBytes}`);
    }
    return { ...transfer, ...(readySeconds === undefined ? {} : { readySeconds }) };
  } finally {
    await client.stop();
    await measured.stop();
  }
}

/** The minimum, the median and the maximum of some numbers. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Undefined for no numbers. The median of an even count is the mean of the two in the middle. */
export function spreadOf(numbers: readonly number[]): Spread | undefined {
  if (numbers.length === 0) return undefined;
  const sorted = [...numbers].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!];
  return { median: (low + high) / 2, min: sorted[0]!, max: sorted.at(-1)! };
}
