import { createAlarmsTemplate, createDashboardTemplate } from "./cloudwatch-templates.ts";
import { createGrafanaDashboard } from "./grafana-dashboard.ts";
import { createPrometheusRules } from "./prometheus-rules.ts";

const MADE = '# Made from src/alarms; "npm run generate:alarms" writes it anew.\n';

/** The files of `deploy/` that are made from the tables of alarms and panels, by their paths from the top of the repository. */
export function createDeployedFiles(): Readonly<Record<string, string>> {
  return {
    "deploy/cloudwatch/alarms.yaml": MADE + createAlarmsTemplate(),
    "deploy/cloudwatch/dashboard.yaml": MADE + createDashboardTemplate(),
    "deploy/grafana/sluice.json": createGrafanaDashboard(),
    "deploy/prometheus/sluice-rules.yaml": MADE + createPrometheusRules(),
  };
}
