import { type Attributes, metrics } from "@opentelemetry/api";
import { type Histogram, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { endUnobservedGauges } from "../../../telemetry/exporters.ts";
import { type MetricName, openMetrics } from "../../../telemetry/metrics.ts";

/** One series of a metric: its labels, and its value; of a histogram, how many values it has and their sum. */
export type CollectedSeries = [value: number | { count: number; sum: number }, labels: Attributes];

class OnDemandReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** Collects the metrics of this process for each test of a `describe`, from nothing. */
export function useCollectedMetrics(): { read(name: MetricName): Promise<CollectedSeries[]> } {
  let reader: OnDemandReader;
  beforeEach(() => {
    reader = endUnobservedGauges(new OnDemandReader());
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
    openMetrics();
  });
  afterEach(async () => {
    metrics.disable();
    openMetrics();
    await reader.shutdown();
  });
  return {
    async read(name) {
      const { resourceMetrics } = await reader.collect();
      const found = resourceMetrics.scopeMetrics
        .flatMap((scope) => scope.metrics)
        .find(({ descriptor }) => descriptor.name === name);
      return (found?.dataPoints ?? []).map(({ value, attributes }) => {
        if (typeof value === "number") return [value, attributes];
        const { count, sum = 0 } = value as Histogram;
        return [{ count, sum }, attributes];
      });
    },
  };
}
