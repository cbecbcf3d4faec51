import { stringify } from "yaml";
import { ALARM_LIST, toCamelCase, toCondition } from "./alarms.ts";
import { PROMETHEUS } from "./dialect.ts";
import { runbookOf } from "./runbook.ts";

/** The alarms as a file of Prometheus's rules. The job that scrapes the service has to be called `sluice`. */
export function createPrometheusRules(): string {
  const rules = ALARM_LIST.map(([name, alarm]) => ({
    alert: `Sluice${toCamelCase(name)}`,
    expr: toCondition(alarm, PROMETHEUS),
    ...(alarm.forSeconds > 0 && { for: `${alarm.forSeconds}s` }),
    labels: { severity: alarm.severity },
    annotations: { summary: alarm.says, runbook_url: runbookOf(name) },
  }));
  return stringify({ groups: [{ name: "sluice", rules }] }, { lineWidth: 0 });
}
