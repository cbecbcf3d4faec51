import { fileURLToPath } from "node:url";
import type { Supervision } from "./supervise.ts";

const ENTRY = fileURLToPath(new URL("./cluster-main.ts", import.meta.url));

/**
 * Supervises workers in this process. If the platform can replace a program within its process, this does so and never
 * returns: it frees the memory of all that was loaded to read the command line and to check the configuration, which is twice
 * the memory that the supervisor itself needs. Process id, signals and standard streams stay. On other platforms it resolves
 * and rejects as superviseWorkers does. `environment` is that of the supervisor and its workers.
 */
export async function becomeSupervisor(
  supervision: Supervision,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  if (process.execve !== undefined && process.platform !== "win32") {
    const args = [process.execPath, ...process.execArgv, ENTRY, JSON.stringify(supervision)];
    // Node accepts strings only.
    const env = Object.entries(environment).filter(([, value]) => value !== undefined);
    process.execve(process.execPath, args, Object.fromEntries(env));
  }
  const { superviseWorkers } = await import("./supervise.ts");
  await superviseWorkers(supervision);
}
