import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { findTool, TOOLS } from "../tools/find-tool.ts";
import type { PlayedSeries } from "./played-series.ts";

/** How long promtool may take for three days of samples on a busy machine, in milliseconds. */
export const PROMTOOL_TIMEOUT_MS = 240_000;
/** Between two looks at the rules, in minutes. */
const LOOK_MINUTES = 5;
/** What is kept of its words, in characters. */
const WORDS_MAX_CHARACTERS = 3000;

/** A rule that is played, and whether it is to fire at the end. */
export interface PlayedRule {
  name: string;
  condition: string;
  forSeconds: number;
  isToFire: boolean;
}

/** Prometheus's own judge of rules. Each of its verdicts is empty where all is well, and its own words otherwise. */
export interface Promtool {
  /** Reads a file of rules. */
  check(rules: string): Promise<string>;
  /** Plays samples to rules, and looks at the end which fire. */
  play(
    series: PlayedSeries,
    rules: readonly PlayedRule[],
    times: { minutes: number; sampleMinutes: number },
  ): Promise<string>;
  close(): Promise<void>;
}

/** The pinned promtool, or a sentence that says what is missing or of another version. */
export async function openPromtool(): Promise<Promtool | string> {
  const found = await findTool(TOOLS.promtool);
  if (typeof found === "string") return found;
  const folder = await mkdtemp(join(tmpdir(), "sluice-rules-"));
  const write = async (name: string, value: object) =>
    await writeFile(join(folder, name), stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }));
  const run = async (...args: string[]) =>
    await promisify(execFile)(found.program, args, { cwd: folder, timeout: PROMTOOL_TIMEOUT_MS }).then(
      () => "",
      ({ stdout, stderr }: { stdout: string; stderr: string }) => (stdout + stderr).slice(-WORDS_MAX_CHARACTERS),
    );
  return {
    check: async (rules) => {
      await writeFile(join(folder, "rules.yaml"), rules);
      return await run("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml");
    },
    play: async (series, rules, { minutes, sampleMinutes }) => {
      const toAlert = (name: string) => name.replaceAll("-", "_");
      // How many places of trouble there are is not the question here, and neither are their labels.
      const played = rules.map(({ name, condition, forSeconds }) => ({
        alert: toAlert(name),
        expr: `count(${condition})`,
        for: `${forSeconds}s`,
      }));
      const verdicts = rules.map(({ name, isToFire }) => ({
        eval_time: `${minutes}m`,
        alertname: toAlert(name),
        exp_alerts: isToFire ? [{ exp_labels: {} }] : [],
      }));
      await write("rules.yaml", { groups: [{ name: "alarms", rules: played }] });
      await write("test.yaml", {
        rule_files: ["rules.yaml"],
        evaluation_interval: `${LOOK_MINUTES}m`,
        tests: [{ interval: `${sampleMinutes}m`, input_series: series, alert_rule_test: verdicts }],
      });
      return await run("test", "rules", "test.yaml");
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
