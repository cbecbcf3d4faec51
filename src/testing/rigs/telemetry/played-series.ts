import { METRICS, type MetricName } from "../../../telemetry/metrics.ts";

/** Those whose forms of PromQL the alarms speak. */
export type Store = "prometheus" | "cloudwatch";

/** How many values a histogram has had: up to 0.25 s, which is a boundary of every form, and up to 0.5 s. */
export interface Counts {
  within: number;
  above: number;
}

/** What a metric of one process was at each sample; undefined where it was not there yet. */
export interface Played {
  metric: MetricName;
  labels?: Readonly<Record<string, string>>;
  values: readonly (number | Counts | undefined)[];
}

/** Series in the notation of promtool's tests. */
export type PlayedSeries = { series: string; values: string }[];

/** The series that a store makes of the metric: histograms are several in Prometheus, and native ones in CloudWatch. */
export function toSeries(store: Store, { metric, labels = {}, values }: Played): PlayedSeries {
  const { kind } = METRICS[metric];
  const put = (show: (value: number | Counts) => number | string) =>
    values.map((value) => (value === undefined ? "_" : show(value))).join(" ");
  const countOf = (value: number | Counts) => (typeof value === "number" ? value : value.within + value.above);
  if (store === "cloudwatch") {
    const own = Object.entries(labels).map(([key, value]) => {
      return `, "${key === "service.instance.id" ? `@resource.${key}` : key}"="${value}"`;
    });
    const series = `{"${metric}", "@resource.service.name"="sluice"${own.join("")}}`;
    return [{ series, values: put(kind === "histogram" ? toNative : countOf) }];
  }
  const name = metric.replaceAll(".", "_");
  const own = Object.entries(labels).map(([key, value]) => `, ${key.replaceAll(".", "_")}="${value}"`);
  const series = (suffix: string, more = "") => `${name}${suffix}{job="sluice"${own.join("")}${more}}`;
  if (kind === "gauge") return [{ series: series(""), values: put(countOf) }];
  if (kind === "counter") return [{ series: series("_total"), values: put(countOf) }];
  return [
    { series: series("_count"), values: put(countOf) },
    {
      series: series("_bucket", ', le="0.25"'),
      values: put((value) => (typeof value === "number" ? value : value.within)),
    },
    { series: series("_bucket", ', le="0.5"'), values: put(countOf) },
    { series: series("_bucket", ', le="+Inf"'), values: put(countOf) },
  ];
}

/** The boundaries of schema 0 are the powers of 2: the first bucket ends at 0.25, the second at 0.5. */
function toNative(value: number | Counts): string {
  const { within, above } = typeof value === "number" ? { within: value, above: 0 } : value;
  return `{{schema:0 sum:${within + above} count:${within + above} offset:-2 buckets:[${within} ${above}]}}`;
}
