import { expect } from "chai";
import { parseSettings } from "../../aws/settings/parse-settings.ts";
import type { SettingsProblem } from "../../aws/settings/settings-problem.ts";
import { SMALLEST_SETTINGS } from "./golden-settings.ts";

/** Problems of settings; an empty list when they are good. */
export function problemsOf(input: unknown): SettingsProblem[] {
  try {
    parseSettings(input);
    return [];
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    return error.errors;
  }
}

/** Problems of settings that differ from the smallest ones by these values. */
export function problemsWith(said: Readonly<Record<string, unknown>>): SettingsProblem[] {
  return problemsOf({ ...SMALLEST_SETTINGS, ...said });
}

/** Expects one problem, at the path, whose sentence matches. */
export function expectProblem(said: Readonly<Record<string, unknown>>, path: string, sentence: RegExp): void {
  const problems = problemsWith(said);
  expect(problems.map((problem) => problem.path.join("."))).to.deep.equal([path]);
  expect(problems[0]?.message).to.match(sentence);
}
