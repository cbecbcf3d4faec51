import cluster from "node:cluster";
import { type Supervision, superviseWorkers } from "./supervise.ts";

/*
 * The process entry of what supervises workers, which its only argument tells as JSON how, and of each worker. One that
 * is neither ends at once: it was started to have all this compiled, for the cache.
 */
try {
  const [, , supervision] = process.argv;
  if (cluster.isWorker) await (await import("./serve.ts")).serve(process.env);
  else if (supervision !== undefined) await superviseWorkers(JSON.parse(supervision) as Supervision);
} catch (error) {
  // Not by its class: the supervisor does without the configuration's code.
  const { name, message, stack } = error as Error;
  process.stderr.write(`${name === "ConfigError" ? message : stack}\n`);
  process.exitCode = 1;
}
