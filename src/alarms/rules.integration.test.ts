import { expect } from "chai";
import { type Counts, type Played, type Store, toSeries } from "../testing/rigs/telemetry/played-series.ts";
import { openPromtool, type Promtool } from "../testing/rigs/telemetry/promtool.ts";
import { ALARM_LIST, type AlarmName, type Threshold, toCondition } from "./alarms.ts";
import { CLOUDWATCH, PROMETHEUS } from "./dialect.ts";
import { createPrometheusRules } from "./prometheus-rules.ts";

const DIALECTS = { prometheus: PROMETHEUS, cloudwatch: CLOUDWATCH } as const satisfies Record<Store, unknown>;

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

const well = (minutes: number): Phase => ({ minutes, fast: 1000, slow: 0, failed: 0 });

/** What happens, and which alarms on calls fire at its end. */
const SCENARIOS: { what: string; phases: Phase[]; fire: readonly AlarmName[]; sampleMinutes?: number }[] = [
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
    fire: LONG,
    sampleMinutes: 10,
  },
];

/** What lasts for half an hour, and which alarms fire then. Counters and histograms grow so much in each minute. */
const TROUBLES: { what: string; played: (Omit<Played, "values"> & { value: number | Counts })[]; fire: AlarmName[] }[] =
  [
    {
      what: "2 % of calls are turned away",
      played: [call("OK", 980), call("RESOURCE_EXHAUSTED", 20, "OVERLOADED")],
      fire: ["callers-turned-away"],
    },
    {
      what: "2 % of calls are refused for what callers did, or answered by a replica that stops",
      played: [call("OK", 960), call("NOT_FOUND", 20, "FILE_NOT_FOUND"), call("UNAVAILABLE", 20, "SHUTTING_DOWN")],
      fire: [],
    },
    { what: "a tenth of requests to S3 fail", played: [s3(90), s3(10, "SlowDown")], fire: ["s3-errors"] },
    { what: "a tenth of what S3 is asked for is not there", played: [s3(90), s3(10, "NotFound")], fire: [] },
    {
      what: "the memory of one process of two is full",
      played: [memory("used", "a", 99), memory("used", "b", 1), memory("limit", "a", 100), memory("limit", "b", 100)],
      fire: ["memory-full"],
    },
    {
      what: "5 % of statements wait for a connection",
      played: [
        {
          metric: "db.client.connection.wait_time",
          labels: { "db.client.connection.pool.name": "queries" },
          value: { within: 95, above: 5 },
        },
      ],
      fire: ["database-pool-wait"],
    },
    {
      what: "5 % of calls for metadata are slow, and statements do not wait",
      played: [
        call("OK", { within: 95, above: 5 }),
        { metric: "db.client.connection.wait_time", labels: { "db.client.connection.pool.name": "queries" }, value: 0 },
      ],
      fire: ["latency-fast-burn", "latency-steady-burn", ...LONG.slice(1)],
    },
  ];

function call(status: string, value: number | Counts, error?: string) {
  const labels = { "rpc.method": "sluice.v1.FileQueryService/GetFile", "rpc.status_code": status };
  return {
    metric: "rpc.server.call.duration" as const,
    labels: { ...labels, ...(error !== undefined && { "error.type": error }) },
    value,
  };
}

function s3(value: number, error?: string) {
  const labels = { "rpc.method": "S3/PutObject", ...(error !== undefined && { "error.type": error }) };
  return { metric: "sluice.s3.request.duration" as const, labels, value };
}

function memory(what: "used" | "limit", instance: string, value: number) {
  return { metric: `sluice.memory.${what}` as const, labels: { "service.instance.id": instance }, value };
}

/** A value at each sample: the same for a gauge, and what has come together for all others. */
function lasting({ metric, labels, value }: (typeof TROUBLES)[number]["played"][number], samples: number): Played {
  const isGauge = metric.startsWith("sluice.memory.");
  const at = (sample: number) => {
    if (isGauge) return value;
    return typeof value === "number" ? value * sample : { within: value.within * sample, above: value.above * sample };
  };
  return { metric, labels: labels ?? {}, values: Array.from({ length: samples }, (_, sample) => at(sample + 1)) };
}

/** Calls of GetFile, for each sample. */
function toCalls(phases: readonly Phase[], sampleMinutes: number): Played[] {
  const total = { fast: 0, slow: 0, failed: 0 };
  const samples = phases.flatMap(({ minutes, ...each }) =>
    Array.from({ length: Math.floor(minutes / sampleMinutes) }, () => {
      for (const key of ["fast", "slow", "failed"] as const) total[key] += each[key] * sampleMinutes;
      return { ...total };
    }),
  );
  const played = (status: string, values: Played["values"], error?: string) => {
    const { value: _, ...series } = call(status, 0, error);
    return { ...series, values };
  };
  return [
    played(
      "OK",
      samples.map(({ fast, slow }) => ({ within: fast, above: slow })),
    ),
    played(
      "UNAVAILABLE",
      samples.map(({ failed }) => failed),
      "STORAGE_UNAVAILABLE",
    ),
  ];
}

describe("The alarms, judged by promtool", () => {
  let promtool: Promtool;
  before(async function () {
    const found = await openPromtool();
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    promtool = found;
  });
  // A suite that skipped itself has no tool.
  after(() => promtool?.close());

  it("are rules that Prometheus takes", async () => {
    expect(await promtool.check(createPrometheusRules())).to.equal("");
  });

  const names = ALARM_LIST.map(([name]) => name);
  const onCalls = names.filter((name) => /^(availability|latency)-/.test(name));
  const thresholds = ALARM_LIST.flatMap(([name, { condition }]) =>
    typeof condition === "function" ? [] : [{ name, threshold: condition as Threshold }],
  );
  for (const store of ["prometheus", "cloudwatch"] as const) {
    /** Plays a metric to those alarms, and expects that these fire at the end, and no others. */
    const expectFire = async (
      fire: readonly AlarmName[],
      played: readonly Played[],
      { of, minutes, sampleMinutes = 1 }: { of: readonly AlarmName[]; minutes: number; sampleMinutes?: number },
    ) => {
      const rules = ALARM_LIST.filter(([name]) => of.includes(name)).map(([name, alarm]) => ({
        name,
        condition: toCondition(alarm, DIALECTS[store]),
        forSeconds: alarm.forSeconds,
        isToFire: fire.includes(name),
      }));
      const series = played.flatMap((one) => toSeries(store, one));
      expect(await promtool.play(series, rules, { minutes, sampleMinutes })).to.equal("");
    };

    describe(`in the form for ${store}`, () => {
      for (const { what, phases, fire, sampleMinutes = 1 } of SCENARIOS) {
        it(`${what}: ${fire.join(", ") || "nothing"} fires`, async () => {
          const minutes = phases.reduce((sum, phase) => sum + phase.minutes, 0);
          const of = onCalls.filter((name) => LONG.includes(name) === sampleMinutes > 1);
          await expectFire(fire, toCalls(phases, sampleMinutes), { of, minutes, sampleMinutes });
        });
      }

      for (const { what, played, fire } of TROUBLES) {
        it(`${what}: ${fire.join(", ") || "nothing"} fires`, async () => {
          const of = names.filter((name) => name !== "no-replica-ready");
          await expectFire(
            fire,
            played.map((one) => lasting(one, 31)),
            { of, minutes: 30 },
          );
        });
      }

      for (const [word, isBeyond] of [
        ["fire when their gauges are beyond", true],
        ["do not fire at", false],
      ] as const) {
        it(`alarms on one gauge ${word} their bounds`, async () => {
          const played = Array.from(
            Map.groupBy(thresholds, ({ threshold }) => threshold.gauge),
            ([metric, alike]) => {
              const bounds = alike.map(({ threshold }) => ("above" in threshold ? threshold.above : threshold.below));
              const isAbove = "above" in (alike[0] as (typeof thresholds)[number]).threshold;
              const [low, high] = [Math.min(...bounds), Math.max(...bounds)];
              const value = isAbove ? (isBeyond ? high + 1 : low) : isBeyond ? low - 1 : high;
              const labels = alike.flatMap(({ threshold }) => threshold.by).map((label) => [label, "a"]);
              return { metric, labels: Object.fromEntries(labels), values: Array(31).fill(value) };
            },
          );
          const of = thresholds.map(({ name }) => name);
          await expectFire(isBeyond ? of : [], played, { of, minutes: 30 });
        });
      }

      it("no-replica-ready fires when no process is ready, and when there are no metrics", async () => {
        const options = { of: ["no-replica-ready"] as const, minutes: 10 };
        const ready = (value: number): Played[] => [{ metric: "sluice.ready", values: Array(11).fill(value) }];
        await expectFire(["no-replica-ready"], [], options);
        await expectFire(["no-replica-ready"], ready(0), options);
        await expectFire([], ready(1), options);
      });

      it("job-failing and dead-letters fire at the first time, and the former not when the job has succeeded as well", async () => {
        const options = { of: ["job-failing", "dead-letters"] as const, minutes: 20 };
        const first = [...Array(5).fill(undefined), ...Array(16).fill(1)];
        const run = (outcome: string): Played => {
          const labels = { "sluice.job": "sweep", "sluice.outcome": outcome };
          return { metric: "sluice.job.run.duration", labels, values: first };
        };
        const dead: Played = {
          metric: "sluice.deliveries",
          labels: { "sluice.receiver": "webhook", "sluice.outcome": "dead" },
          values: first,
        };
        await expectFire(["job-failing", "dead-letters"], [run("failed"), dead], options);
        await expectFire([], [run("failed"), run("done")], options);
      });
    });
  }
});
