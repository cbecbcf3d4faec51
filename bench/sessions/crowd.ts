import type { ClientArguments } from "../clients/client-process.ts";
import { type BenchProcess, forkProcess } from "../machine/child-process.ts";
import { serviceToken } from "../stage/sluice-service.ts";

/** The outcome of uploads that ran at once. */
export interface Rush {
  /** Seconds from the common start until each upload was committed; a failed upload has none. */
  readonly seconds: readonly number[];
  /** The message of each failure. */
  readonly failures: readonly string[];
}

/** A process that makes many uploads, each over a connection of its own. */
export interface Crowd {
  /** Sends all uploads at once, as fast as they go, and resolves when the last has ended. */
  rush(uploads: number, sizeBytes: number): Promise<Rush>;
  /** Sends one file in this many lanes, each of which must end between two parts. Resolves to the seconds that it took. */
  lanes(lanes: number, sizeBytes: number): Promise<number>;
  /** Opens uploads that send 1 KiB a second each. Every tenth declares `declaredBytes`. */
  trickle(uploads: number, declaredBytes: number): Promise<void>;
  /** Lets the open uploads finish. */
  endTrickle(): Promise<{ committed: number; failures: readonly string[] }>;
  stop(): Promise<void>;
}

/** Bytes of a message of a crowd's uploads. It is small because many uploads share the client's memory. */
const chunkBytes = 256 * 1024;

/** Starts a process that uploads to `url`, and trusts the certificate where there is one. */
export async function startCrowd(url: string, { certPath }: { certPath?: string | undefined } = {}): Promise<Crowd> {
  const args: ClientArguments = {
    url,
    chunkBytes,
    ...(certPath !== undefined && { certPath }),
    extra: { token: serviceToken },
  };
  const entry = new URL("../clients/crowd-client.ts", import.meta.url);
  const client: BenchProcess = await forkProcess(entry, { args: [JSON.stringify(args)] });
  return {
    rush: async (uploads, sizeBytes) => (await client.ask({ act: "rush", uploads, sizeBytes })) as unknown as Rush,
    lanes: async (lanes, sizeBytes) => Number((await client.ask({ act: "lanes", lanes, sizeBytes })).seconds),
    trickle: async (uploads, declaredBytes) => void (await client.ask({ act: "trickle", uploads, declaredBytes })),
    endTrickle: async () =>
      (await client.ask({ act: "end-trickle" })) as unknown as { committed: number; failures: string[] },
    stop: () => client.stop(),
  };
}

/** Makes a rush that does not count, so that the comparison is between compiled code. */
export async function warmUp(crowd: Crowd, sizeBytes: number): Promise<void> {
  await crowd.rush(4, sizeBytes);
}

/** The distinct messages of failures, with the number of times that each came. */
export function countFailures(failures: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const words of failures) counts.set(words, (counts.get(words) ?? 0) + 1);
  return [...counts].map(([words, count]) => `${count} x ${words}`).join("; ");
}
