import type { Configuration } from "../generate-configuration.ts";
import { listScenarios } from "../scenarios/list-scenarios.ts";

/** The table of `sluice config explain --scenarios`: a line a road, under the heading of its kind. Ends in a line break. */
export function printScenarios(configuration: Configuration): string {
  const groups = listScenarios(configuration);
  const all = groups.flatMap(({ scenarios }) => scenarios);
  const open = all.filter(({ isOpen }) => isOpen).length;
  const sections = groups.map(({ title, scenarios }) =>
    [
      title,
      "-".repeat(title.length),
      ...scenarios.map(({ road, isOpen }) => `${isOpen ? "may    " : "may not"}  ${road}`),
    ].join("\n"),
  );
  return `${sections.join("\n\n")}\n\n${all.length} roads: ${open} open, ${all.length - open} shut\n`;
}
