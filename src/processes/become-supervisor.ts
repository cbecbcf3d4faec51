import { fileURLToPath } from "node:url";
import type { Supervision } from "./supervise.ts";

const ENTRY = fileURLToPath(new URL("./cluster-main.ts", import.meta.url));

/**
 * Supervises workers in this process. Where the platform can replace a program within its process, that is done, and this
 * never returns: what was loaded to read the command line and to check the configuration, twice the memory that the
 * supervisor itself needs, is gone with it; process id, signals and standard streams stay. Elsewhere it resolves and
 * rejects as superviseWorkers does. `environment` is that of the supervisor and its workers.
 */
export async function becomeSupervisor(
  supervision: Supervision,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  if (process.execve !== undefined && process.platform !== "win32") {
    const args = [process.execPath, ...process.execArgv, ENTRY, JSON.stringify(supervision)];
    // Node wants strings alone.
    const env = Object.entries(environment).filter(([, value]) => value !== undefined);
    process.execve(process.execPath, args, Object.fromEntries(env));
  }
  const { superviseWorkers } = await import("./supervise.ts");
  await superviseWorkers(supervision);
}
