import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { parse } from "yaml";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { NamespaceService } from "../../gen/sluice/v1/namespace_service_pb.ts";
import { METRICS } from "../telemetry/metrics.ts";
import { readPromql } from "../testing/rigs/telemetry/read-promql.ts";
import { pageOf } from "../testing/structure/pages.ts";
import { ALARMS } from "./alarms.ts";
import { createDeployedFiles } from "./deployed-files.ts";
import { METADATA_METHODS } from "./objectives.ts";

const TOP = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(TOP, path), "utf8");

/** Labels by the names of series: as CloudWatch keeps them, and as `GET /metrics` gives them. */
const CLOUDWATCH_SERIES = new Map(
  Object.entries(METRICS).map(([name, { labels }]) => [
    name,
    new Set<string>([...labels, "@resource.service.name", "@resource.service.instance.id"]),
  ]),
);
const PROMETHEUS_SERIES = new Map(
  Object.entries(METRICS).flatMap(([name, { kind, labels }]) => {
    const own = [...labels.map((label) => label.replaceAll(".", "_")), "job", "service_instance_id"];
    const suffixes = { gauge: [""], counter: ["_total"], histogram: ["_bucket", "_count", "_sum"] }[kind];
    return suffixes.map(
      (suffix) =>
        [`${name.replaceAll(".", "_")}${suffix}`, new Set(suffix === "_bucket" ? [...own, "le"] : own)] as const,
    );
  }),
);

/** The expressions of a file, in whatever shape it keeps them. */
const expressionsOf = {
  "deploy/cloudwatch/alarms.yaml": (text: string) =>
    Object.values<CloudWatchAlarm>(parse(text).Resources).map(
      ({ Properties }) => Properties.EvaluationCriteria.PromQLCriteria.Query,
    ),
  "deploy/cloudwatch/dashboard.yaml": (text: string) => {
    const { widgets } = JSON.parse(parse(text).Resources.Dashboard.Properties.DashboardBody["Fn::Sub"]);
    return (widgets as Widget[]).flatMap(({ properties }) => properties.data.queries.map(({ query }) => query));
  },
  "deploy/grafana/sluice.json": (text: string) =>
    (JSON.parse(text).panels as GrafanaPanel[]).flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  "deploy/prometheus/sluice-rules.yaml": (text: string) =>
    (parse(text).groups as RuleGroup[]).flatMap(({ rules }) => rules.map(({ expr }) => expr)),
};
interface CloudWatchAlarm {
  Properties: { EvaluationCriteria: { PromQLCriteria: { Query: string } } };
}
interface Widget {
  properties: { data: { queries: { query: string }[] } };
}
interface GrafanaPanel {
  targets: { expr: string }[];
}
interface RuleGroup {
  rules: { expr: string }[];
}

describe("The alarms and dashboards of deploy/", () => {
  const files = createDeployedFiles();

  it("are kept, each of them and no other", () => {
    const folders = new Set(Object.keys(files).map((path) => dirname(path)));
    const kept = [...folders].flatMap((folder) => readdirSync(join(TOP, folder)).map((name) => join(folder, name)));
    expect(kept).to.have.members(Object.keys(files));
    expect(Object.keys(expressionsOf)).to.have.members(Object.keys(files));
  });

  for (const [path, text] of Object.entries(files)) {
    it(`${path} is what the tables make; "npm run generate:alarms" writes it anew`, () => {
      expect(read(path)).to.equal(text);
    });
  }

  for (const [path, expressions] of Object.entries(expressionsOf)) {
    it(`${path} asks for metrics and labels of the service alone`, () => {
      const known = path.includes("cloudwatch") ? CLOUDWATCH_SERIES : PROMETHEUS_SERIES;
      const named = expressions(read(path)).flatMap(readPromql);
      expect(named).not.to.deep.equal([]);
      for (const { metric, labels } of named) {
        expect(known.has(metric), metric).to.equal(true);
        for (const label of labels) expect(known.get(metric), metric).to.include(label);
      }
    });
  }

  it("have a section of the runbook for each alarm, in the order of the table, and no section for others", () => {
    const sections = [...pageOf("runbook").text.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
    expect(sections).to.deep.equal(Object.keys(ALARMS));
  });

  it("fit into the limits of CloudWatch: 10,000 characters a question, and times of at most a day", () => {
    for (const alarm of Object.values<CloudWatchAlarm>(
      parse(files["deploy/cloudwatch/alarms.yaml"] as string).Resources,
    ))
      expect(alarm.Properties.EvaluationCriteria.PromQLCriteria.Query.length).to.be.at.most(10_000);
    for (const { forSeconds } of Object.values(ALARMS)) expect(forSeconds).to.be.at.most(86_400);
  });

  it("measure how fast methods are that there are", () => {
    for (const { methods, name } of [FileQueryService, FileCommandService, NamespaceService])
      for (const method of METADATA_METHODS[name as keyof typeof METADATA_METHODS])
        expect(methods.map((one) => one.name)).to.include(method);
  });
});
