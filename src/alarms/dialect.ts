import { type Label, METRICS, type MetricName, type Named } from "../telemetry/metrics.ts";

/** Conditions on labels of a metric, each as PromQL writes it behind the label: `="OK"`, `=~"A|B"`, `!=""`. */
export type Where<N extends MetricName> = { readonly [L in Label<N>]?: string };

/** A label to group by. Every series names its process as well. */
export type Grouping<N extends MetricName> = Label<N> | "service.instance.id";

/** The series of a metric that a question is about, and the labels that its answer keeps. */
export interface Selection<N extends MetricName> {
  where?: Where<N>;
  /** All series become one when left out. */
  by?: readonly Grouping<N>[];
}

/** A selection and the time that the question looks back, as PromQL writes it: "5m". */
export type Window<N extends MetricName> = Selection<N> & { window: string };

/**
 * Questions about the metrics, in PromQL. The names and labels are those of METRICS; a question about others does not compile.
 * CloudWatch and Prometheus keep the same metrics under other names and in other shapes.
 */
export interface Dialect {
  /** The largest, smallest or added values of a gauge. */
  gauge<N extends Named<"gauge">>(of: "max" | "min" | "sum", name: N, selection?: Selection<N>): string;
  /** How much a counter grows, or how many values a histogram gets, in a second. */
  rate<N extends Named<"counter" | "histogram">>(name: N, selection: Window<N>): string;
  /**
   * How many more there are than before the window. It counts the first one of a label too, which `rate` does not see: the series
   * begins with it. That is right because no series of the service ever begins anew: each process is a series of its own.
   */
  growth<N extends Named<"counter" | "histogram">>(name: N, selection: Window<N>): string;
  /** The share of a histogram's values that are at most `bound`, which is one of its boundaries; from 0 to 1. */
  shareWithin<N extends Named<"histogram">>(name: N, selection: Window<N> & { bound: number }): string;
  /** The value that the share `q` of a histogram's values does not exceed. */
  quantile<N extends Named<"histogram">>(q: number, name: N, selection: Window<N>): string;
}

/** The value of the resource's `service.name`, and the name of the job by which Prometheus scrapes the service. */
const SERVICE = "sluice";

/** What a dialect calls things. */
interface Names {
  /** A metric's series with conditions. Histograms are several series in Prometheus, told apart by a suffix. */
  select(name: MetricName, where: object, suffix?: string): string;
  label(name: string): string;
}

/**
 * CloudWatch keeps the names of OpenTelemetry, which are quoted, and keeps every histogram as a native one: there are no series with
 * `_bucket`, `_count` or `le`. `rate` is right for the cumulative form, in which the service sends.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-PromQL-Querying.html
 */
export const CLOUDWATCH: Dialect = (() => {
  const names: Names = {
    select: (name, where) => {
      const conditions = Object.entries(where).map(([label, condition]) => `, ${JSON.stringify(label)}${condition}`);
      return `{"${name}", "@resource.service.name"="${SERVICE}"${conditions.join("")}}`;
    },
    label: (name) => (name === "service.instance.id" ? `"@resource.${name}"` : JSON.stringify(name)),
  };
  const count = (name: MetricName, series: string) =>
    METRICS[name].kind === "histogram" ? `histogram_count(${series})` : series;
  const histogram = (name: MetricName, { where = {}, by, window }: Choice & { window: string }) =>
    `${aggregate("sum", names, by)}(rate(${names.select(name, where)}[${window}]))`;
  return {
    ...createGauges(names),
    rate: (name, { where = {}, by, window }) =>
      `${aggregate("sum", names, by)}(${count(name, `rate(${names.select(name, where)}[${window}])`)})`,
    growth: (name, { where = {}, by, window }) => {
      const series = names.select(name, where);
      const [now, before] = [count(name, series), count(name, `${series} offset ${window}`)];
      return `${aggregate("sum", names, by)}(${now} - ${before} or ${now})`;
    },
    shareWithin: (name, { bound, ...window }) => `histogram_fraction(0, ${bound}, ${histogram(name, window)})`,
    quantile: (q, name, window) => `histogram_quantile(${q}, ${histogram(name, window)})`,
  };
})();

/** Prometheus has underscores for dots, and the names that `GET /metrics` gives: counters end in `_total`. */
export const PROMETHEUS: Dialect = (() => {
  const suffixOf = (name: MetricName) => ({ counter: "_total", histogram: "_count", gauge: "" })[METRICS[name].kind];
  const names: Names = {
    select: (name, where, suffix = suffixOf(name)) => {
      const conditions = Object.entries(where).map(([label, condition]) => `, ${toPrometheusName(label)}${condition}`);
      return `${toPrometheusName(name)}${suffix}{job="${SERVICE}"${conditions.join("")}}`;
    },
    label: toPrometheusName,
  };
  const rate = (name: MetricName, suffix: string, { where = {}, by, window }: Choice & { window: string }) =>
    `${aggregate("sum", names, by)}(rate(${names.select(name, where, suffix)}[${window}]))`;
  return {
    ...createGauges(names),
    rate: (name, window) => rate(name, suffixOf(name), window),
    growth: (name, { where = {}, by, window }) => {
      const series = names.select(name, where, suffixOf(name));
      return `${aggregate("sum", names, by)}(${series} - ${series} offset ${window} or ${series})`;
    },
    shareWithin: (name, { bound, where = {}, ...window }) => {
      const within = rate(name, "_bucket", { ...window, where: { ...where, le: `="${bound}"` } });
      return `${within} / ${rate(name, "_count", { ...window, where })}`;
    },
    quantile: (q, name, { by = [], ...window }) =>
      `histogram_quantile(${q}, ${rate(name, "_bucket", { ...window, by: ["le", ...by] })})`,
  };
})();

/** The name of a gauge or a label in Prometheus. */
export function toPrometheusName(name: string): string {
  return name.replaceAll(".", "_");
}

/** A selection whose names have been checked. */
interface Choice {
  where?: object;
  by?: readonly string[];
}

function createGauges(names: Names): Pick<Dialect, "gauge"> {
  return {
    gauge: (of, name, { where = {}, by } = {}) => `${aggregate(of, names, by)}(${names.select(name, where)})`,
  };
}

function aggregate(how: string, { label }: Names, by: readonly string[] = []): string {
  return by.length === 0 ? how : `${how} by (${by.map(label).join(", ")}) `;
}
