import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { stringify } from "yaml";
import { findTool, TOOLS } from "../testing/rigs/find-tool.ts";
import { ALARM_LIST, type AlarmName, toCondition } from "./alarms.ts";
import { CLOUDWATCH, PROMETHEUS } from "./dialect.ts";
import { createPrometheusRules } from "./prometheus-rules.ts";

/** How long promtool may take for three days of samples on a busy machine, in milliseconds. */
const TOOL_TIMEOUT_MS = 240_000;
/** Between two looks at the rules, in minutes. */
const LOOK_MINUTES = 5;
/**
 * The two alarms that see three days of samples at each look; tests that need neither leave them out. promtool loads 10,000 samples for
 * a question at most, and takes a histogram for a dozen: in three days, samples come every ten minutes.
 */
const LONG: readonly AlarmName[] = ["availability-slow-burn", "latency-slow-burn"];

/** What happens to calls for metadata for some minutes, in each of them. */
interface Phase {
  minutes: number;
  fast: number;
  slow: number;
  failed: number;
}

/** What happens, and how often it is looked at. */
interface Course {
  phases: readonly Phase[];
  sampleMinutes: number;
}

/** Series as a test of promtool takes them, by the dialect. */
type Input = { series: string; values: string }[];

/** A running total, for each sample. */
function total({ phases, sampleMinutes }: Course, of: (phase: Phase) => number): number[] {
  let sum = 0;
  return phases.flatMap((phase) => {
    const samples = Math.floor(phase.minutes / sampleMinutes);
    return Array.from({ length: samples }, () => (sum += of(phase) * sampleMinutes));
  });
}

/** Calls of GetFile in both shapes: as `GET /metrics` tells them, and as CloudWatch keeps them. */
const CALLS: Record<"prometheus" | "cloudwatch", (course: Course) => Input> = {
  prometheus: (course) => {
    const name = "rpc_server_call_duration";
    const own = 'job="sluice", service_instance_id="a", rpc_method="sluice.v1.FileQueryService/GetFile"';
    const [ok, away] = ['rpc_status_code="OK"', 'rpc_status_code="UNAVAILABLE", error_type="STORAGE_UNAVAILABLE"'];
    const failed = total(course, (phase) => phase.failed);
    return [
      { series: `${name}_count{${own}, ${ok}}`, values: total(course, ({ fast, slow }) => fast + slow).join(" ") },
      { series: `${name}_bucket{${own}, ${ok}, le="0.25"}`, values: total(course, ({ fast }) => fast).join(" ") },
      { series: `${name}_count{${own}, ${away}}`, values: failed.join(" ") },
    ];
  },
  cloudwatch: (course) => {
    const own =
      '"rpc.server.call.duration", "@resource.service.name"="sluice", "rpc.method"="sluice.v1.FileQueryService/GetFile"';
    const [fast, slow] = [total(course, (phase) => phase.fast), total(course, (phase) => phase.slow)];
    const failed = total(course, (phase) => phase.failed);
    // The boundaries of schema 0 are the powers of 2: the buckets end at 0.25 s and at 0.5 s.
    const histogram = (within: number, above = 0) =>
      `{{schema:0 sum:${within + above} count:${within + above} offset:-2 buckets:[${within} ${above}]}}`;
    return [
      { series: `{${own}, "rpc.status_code"="OK"}`, values: fast.map((one, at) => histogram(one, slow[at])).join(" ") },
      {
        series: `{${own}, "rpc.status_code"="UNAVAILABLE", "error.type"="STORAGE_UNAVAILABLE"}`,
        values: failed.map((one) => histogram(one)).join(" "),
      },
    ];
  },
};

const well = (minutes: number): Phase => ({ minutes, fast: 1000, slow: 0, failed: 0 });

/** What happens, and which alarms on calls fire at its end. */
const SCENARIOS: { what: string; phases: Phase[]; fire: AlarmName[]; isLong?: boolean }[] = [
  {
    what: "2 % of calls fail for an hour",
    phases: [well(360), { minutes: 65, fast: 980, slow: 0, failed: 20 }],
    fire: ["availability-fast-burn"],
  },
  { what: "0.05 % of calls fail all the time", phases: [{ minutes: 425, fast: 1999, slow: 0, failed: 1 }], fire: [] },
  {
    what: "2 % of calls failed for an hour, until ten minutes ago",
    phases: [well(360), { minutes: 65, fast: 980, slow: 0, failed: 20 }, well(10)],
    fire: [],
  },
  {
    what: "1 % of calls fail for six hours",
    phases: [{ minutes: 365, fast: 990, slow: 0, failed: 10 }],
    fire: ["availability-steady-burn"],
  },
  {
    what: "2 % of calls for metadata are slow for an hour",
    phases: [well(360), { minutes: 65, fast: 980, slow: 20, failed: 0 }],
    fire: ["latency-fast-burn"],
  },
  {
    what: "0.2 % of calls fail, and 0.2 % are slow, for three days",
    phases: [{ minutes: 4330, fast: 996, slow: 2, failed: 2 }],
    fire: LONG as AlarmName[],
    isLong: true,
  },
];

describe("The alarms, judged by promtool", function () {
  this.timeout(TOOL_TIMEOUT_MS + 30_000);
  let promtool: string;
  let folder: string;
  before(async function () {
    const found = await findTool(TOOLS.promtool);
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    promtool = found.program;
    folder = await mkdtemp(join(tmpdir(), "sluice-rules-"));
  });
  // A suite that skipped itself has no folder.
  after(async () => folder && (await rm(folder, { recursive: true, force: true })));

  async function run(...args: string[]): Promise<string> {
    return await promisify(execFile)(promtool, args, { cwd: folder, timeout: TOOL_TIMEOUT_MS }).then(
      () => "",
      ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout.slice(-3000) + stderr.slice(-3000),
    );
  }

  /** Lets promtool play the series to the alarms of that dialect; resolves to what differs from what is to fire at the end. */
  async function play(
    name: keyof typeof CALLS,
    input: Input,
    {
      minutes,
      alarms,
      fire,
      sampleMinutes = 1,
    }: { minutes: number; sampleMinutes?: number; alarms: readonly AlarmName[]; fire: readonly AlarmName[] },
  ): Promise<string> {
    const dialect = name === "cloudwatch" ? CLOUDWATCH : PROMETHEUS;
    const rules = ALARM_LIST.filter(([one]) => alarms.includes(one)).map(([alert, alarm]) => ({
      alert: alert.replaceAll("-", "_"),
      expr: `count(${toCondition(alarm, dialect)})`,
      for: `${alarm.forSeconds}s`,
    }));
    const test = {
      rule_files: ["rules.yaml"],
      evaluation_interval: `${LOOK_MINUTES}m`,
      tests: [
        {
          interval: `${sampleMinutes}m`,
          input_series: input,
          alert_rule_test: alarms.map((alarm) => ({
            eval_time: `${minutes}m`,
            alertname: alarm.replaceAll("-", "_"),
            exp_alerts: fire.includes(alarm) ? [{ exp_labels: {} }] : [],
          })),
        },
      ],
    };
    await writeFile(join(folder, "rules.yaml"), stringify({ groups: [{ name: "alarms", rules }] }, { lineWidth: 0 }));
    await writeFile(join(folder, "test.yaml"), stringify(test, { lineWidth: 0 }));
    return await run("test", "rules", "test.yaml");
  }

  it("are rules that Prometheus takes", async () => {
    await writeFile(join(folder, "sluice-rules.yaml"), createPrometheusRules());
    expect(await run("check", "rules", "--lint=all", "--lint-fatal", "sluice-rules.yaml")).to.equal("");
  });

  const onCalls = ALARM_LIST.map(([name]) => name).filter((name) => /^(availability|latency)-/.test(name));
  for (const name of ["prometheus", "cloudwatch"] as const) {
    for (const { what, phases, fire, isLong = false } of SCENARIOS) {
      it(`${name}: ${fire.join(" and ") || "nothing"} fires when ${what}`, async () => {
        const minutes = phases.reduce((sum, phase) => sum + phase.minutes, 0);
        const alarms = onCalls.filter((one) => LONG.includes(one) === isLong);
        const sampleMinutes = isLong ? 10 : 1;
        const input = CALLS[name]({ phases, sampleMinutes });
        expect(await play(name, input, { minutes, sampleMinutes, alarms, fire })).to.equal("");
      });
    }

    const series = (metric: string, labels: Record<string, string> = {}) => {
      const label = (key: string) => (name === "cloudwatch" ? `"${key}"` : key.replaceAll(".", "_"));
      const own = Object.entries(labels).map(([key, value]) => `, ${label(key)}="${value}"`);
      return name === "cloudwatch"
        ? `{"${metric}", "@resource.service.name"="sluice"${own.join("")}}`
        : `${metric.replaceAll(".", "_")}{job="sluice"${own.join("")}}`;
    };

    it(`${name}: no-replica-ready fires when no process is ready, and when there are no metrics`, async () => {
      const options = { minutes: 10, alarms: ["no-replica-ready"] as const };
      expect(await play(name, [], { ...options, fire: ["no-replica-ready"] })).to.equal("");
      const down = [{ series: series("sluice.ready"), values: "0x10" }];
      expect(await play(name, down, { ...options, fire: ["no-replica-ready"] })).to.equal("");
      const ready = [{ series: series("sluice.ready"), values: "1x10" }];
      expect(await play(name, [...ready], { ...options, fire: [] })).to.equal("");
    });

    it(`${name}: job-failing fires at the first failure of a job, and not when the job has succeeded as well`, async () => {
      const count = (value: number) =>
        name === "cloudwatch" ? `{{schema:0 sum:1 count:${value} buckets:[${value}]}}` : String(value);
      const metric = name === "cloudwatch" ? "sluice.job.run.duration" : "sluice.job.run.duration.count";
      const runs = (outcome: string, value: number) => ({
        series: series(metric, { "sluice.job": "sweep", "sluice.outcome": outcome }),
        values: `_x5 ${Array(16).fill(count(value)).join(" ")}`,
      });
      const options = { minutes: 20, alarms: ["job-failing"] as const };
      expect(await play(name, [runs("failed", 1)], { ...options, fire: ["job-failing"] })).to.equal("");
      expect(await play(name, [runs("failed", 1), runs("done", 1)], { ...options, fire: [] })).to.equal("");
    });
  }
});
