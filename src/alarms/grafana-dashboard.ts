import { DashboardBuilder, DatasourceVariableBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { PROMETHEUS } from "./dialect.ts";
import { type Line, PANELS } from "./panels.ts";

const DATASOURCE = { type: "prometheus", uid: "$datasource" };
const COLUMNS = 2;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 8;

/** The dashboard for Grafana over Prometheus, in the shape that Grafana's own library gives it. */
export function createGrafanaDashboard(): string {
  const dashboard = new DashboardBuilder("Sluice")
    .uid("sluice")
    .tags(["sluice"])
    .time({ from: "now-6h", to: "now" })
    .refresh("1m")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"));
  PANELS.forEach(({ title, unit, lines }, index) => {
    const place = { x: (index % COLUMNS) * WIDTH, y: Math.floor(index / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT };
    const panel = new PanelBuilder().title(title).unit(unit).datasource(DATASOURCE).gridPos(place);
    for (const line of lines)
      panel.withTarget(new DataqueryBuilder().expr(line.query(PROMETHEUS)).legendFormat(toLegend(line)));
    dashboard.withPanel(panel);
  });
  return `${JSON.stringify(dashboard.build(), null, 2)}\n`;
}

function toLegend({ name, by }: Line): string {
  return [name, ...(by === undefined ? [] : [`{{${by.replaceAll(".", "_")}}}`])]
    .filter((part) => part !== "")
    .join(" ");
}
