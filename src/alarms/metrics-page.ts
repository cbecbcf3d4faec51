import { ALARM_LIST, type Alarm, type AlarmName, type Threshold } from "./alarms.ts";
import { toPrometheusName } from "./dialect.ts";

/** A threshold that a value of a metrics page is beyond now; whether that lasts, the page does not say. */
export interface Breach {
  name: AlarmName;
  alarm: Alarm;
  /** The series as the page has it, with its labels. */
  series: string;
  value: number;
}

/** Whether the text is a page of `GET /metrics` of this service. */
export function isMetricsPage(page: string): boolean {
  return /^sluice_ready[{ ]/m.test(page);
}

/** The alarms on one gauge that a page of `GET /metrics` gives reason for, each series by itself. */
export function findBreaches(page: string): Breach[] {
  const samples = page.split("\n").flatMap((line) => {
    const [, series = "", metric, value] = /^((\w+)(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    return metric === undefined ? [] : [{ series, metric, value: Number(value) }];
  });
  return ALARM_LIST.flatMap(([name, alarm]) => {
    const { condition } = alarm;
    if (typeof condition === "function") return [];
    const own = samples.filter(({ metric }) => metric === toPrometheusName(condition.gauge));
    return own.filter(({ value }) => isBeyond(value, condition)).map((sample) => ({ name, alarm, ...sample }));
  });
}

function isBeyond(value: number, threshold: Threshold): boolean {
  return "above" in threshold ? value > threshold.above : value < threshold.below;
}
