import type { Environment } from "./config-environment.ts";

/** Sizes that do not fit together, one sentence each. */
export function findSizeProblems(env: Partial<Environment>): string[] {
  const problems: string[] = [];
  const { SLUICE_CONNECTION_WINDOW_BYTES: connectionWindow, SLUICE_STREAM_WINDOW_BYTES: streamWindow } = env;
  if (connectionWindow !== undefined && streamWindow !== undefined && connectionWindow < streamWindow) {
    problems.push(
      `SLUICE_CONNECTION_WINDOW_BYTES is ${connectionWindow}; it must be at least SLUICE_STREAM_WINDOW_BYTES, ${streamWindow}`,
    );
  }
  const { SLUICE_PART_SIZE_BYTES: partSize, SLUICE_S3_PART_MIN_BYTES: partMin } = env;
  if (partSize !== undefined && partMin !== undefined && partSize < partMin) {
    problems.push(
      `SLUICE_PART_SIZE_BYTES is ${partSize}; it must be at least ${partMin}: storage refuses a file of smaller parts after its last byte`,
    );
  }
  return [...problems, ...findShareProblem(env)];
}

/** Least memory of a worker, in bytes: twice the size of two large parts, such as a file of unknown size has. */
export function toWorkerMinBytes(partSizeBytes: number): number {
  return 4 * 2 * partSizeBytes;
}

function findShareProblem(env: Partial<Environment>): string[] {
  const { SLUICE_MEMORY_BUDGET_BYTES: budget, SLUICE_PART_SIZE_BYTES: partSize } = env;
  if (budget === undefined || partSize === undefined) return [];
  const workers = env.SLUICE_WORKERS ?? 1;
  const perWorker = Math.floor(budget / workers);
  const perWorkerMin = toWorkerMinBytes(partSize);
  if (perWorker >= perWorkerMin) return [];
  return [
    `SLUICE_MEMORY_BUDGET_BYTES gives each of ${workers} workers ${perWorker} bytes; ` +
      `parts of ${partSize} bytes need at least ${perWorkerMin}: raise it, or lower SLUICE_WORKERS`,
  ];
}
