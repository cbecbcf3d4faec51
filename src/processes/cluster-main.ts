import cluster from "node:cluster";
import { type Supervision, superviseWorkers } from "./supervise.ts";

/*
 * The process entry of the supervisor and of each worker. The supervisor's only argument is JSON that tells how to supervise.
 * A process that is neither ends at once: it was started to have all this compiled, for the cache.
 */
try {
  const [, , supervision] = process.argv;
  if (cluster.isWorker) await (await import("./serve.ts")).serve(process.env);
  else if (supervision !== undefined) await superviseWorkers(JSON.parse(supervision) as Supervision);
} catch (error) {
  // The name is compared, not the class: the supervisor does not load the configuration's code.
  const { name, message, stack } = error as Error;
  process.stderr.write(`${name === "ConfigError" ? message : stack}\n`);
  process.exitCode = 1;
}
