import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { DomainError } from "../domain/errors.ts";
import { type GenerateRequest, generateFromSettings } from "./generate-from-settings.ts";
import type { GenerationOutcome } from "./generate-on-thread.ts";

/*
 * Entry of the thread that generates one configuration. It answers `workerData`, a GenerateRequest, by one message, a
 * GenerationOutcome, and then ends.
 */

/** Nice value of the thread: when cores are short, it gets a tenth of the time of the thread that serves callers. */
const NICENESS = 10;

// Linux has a nice value for each thread. On other systems this would slow down the whole process.
if (process.platform === "linux") setPriority(NICENESS);
parentPort?.postMessage(generate(workerData as GenerateRequest));

/** Errors are sent as values: a clone of an Error loses its class and its fields. */
function generate(request: GenerateRequest): GenerationOutcome {
  try {
    return { kind: "generated", configuration: generateFromSettings(request) };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const { code, message, reason, details, field } = error;
    return { kind: "refused", code, message, context: { reason, details, ...(field !== undefined && { field }) } };
  }
}
