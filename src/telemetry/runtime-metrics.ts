import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { observeMetric, recordMetric } from "./metrics.ts";

/** How finely the delay of the event loop is measured, in milliseconds. */
const DELAY_RESOLUTION_MS = 20;

const GC_TYPES: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weakcb",
};

/** Measures the process itself until it ends. */
export function measureRuntime(): void {
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  observeMetric("nodejs.eventloop.delay.p99", () => {
    const seconds = delay.percentile(99) / 1e9;
    delay.reset();
    return [[seconds, {}]];
  });
  observeMetric("process.memory.usage", () => [[process.memoryUsage.rss(), {}]]);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as typeof entry & { detail: { kind: number } }).detail;
      recordMetric("v8js.gc.duration", entry.duration / 1000, { "v8js.gc.type": GC_TYPES[kind] ?? "other" });
    }
  }).observe({ entryTypes: ["gc"] });
}
