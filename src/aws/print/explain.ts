import type { Configuration } from "../generate-configuration.ts";
import type { AccessRow } from "../policy/access-matrix.ts";
import { createExplanation, type Explanation } from "./explanation.ts";

const COLUMNS = 100;

/** The text of `sluice config explain`, in lines of at most 100 columns where its words allow. It ends in a line break. */
export function explainConfiguration(configuration: Configuration): string {
  const explanation = createExplanation(configuration);
  const sections = [
    toHeader(explanation),
    toSection("Who can do what", explainAccess(explanation)),
    toSection("Refusals, whatever else allows it", explanation.guards.flatMap(explainRow)),
    toSection("Notes on each service", explainServices(explanation)),
    toSection("Roles that are handed to services", explainPassedRoles(explanation)),
    toSection("Rules of AWS Control Tower that are not met", explainExemptions(explanation)),
    toSection(
      "Notes on the whole",
      explanation.notes.flatMap((note) => wrap(note, "- ", "  ")),
    ),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function toHeader(explanation: Explanation): string[] {
  const { bucket, region, account, residency, logBucket, anchorBucket, services } = explanation;
  const title = `Bucket ${bucket}`;
  return [
    title,
    "=".repeat(title.length),
    `Region:    ${region}, account ${account}; data stays in ${residency.join(", ")}`,
    ...(logBucket === undefined ? [] : [`Logs:      ${logBucket}`]),
    ...(anchorBucket === undefined ? [] : [`Anchors:   ${anchorBucket}`]),
    ...wrap(services.map(({ name }) => name).join(", ") || "none", "Services:  ", "           "),
  ];
}

/** Heading and lines; empty when there are no lines. */
function toSection(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [heading, "-".repeat(heading.length), ...lines];
}

/** A paragraph for each principal about what it may do. A role's paragraph begins with who may become the role. */
function explainAccess({ access, services }: Explanation): string[] {
  const groups = new Map<string, AccessRow[]>();
  for (const row of access) {
    const subject = row.kind === "trust" ? `the role ${row.on[0]?.replace(/^.*:role\//, "")}` : row.whoInWords;
    groups.set(subject, [...(groups.get(subject) ?? []), row]);
  }
  return [...groups].flatMap(([subject, rows], at) => {
    const names = new Set(rows.map(({ service }) => service));
    const titles = services.filter(({ name }) => names.has(name)).map(({ title }) => title);
    // A principal that is there whatever is switched on belongs to no service in particular.
    const whose = names.has(undefined) ? "" : `, for ${titles.join(", ")}`;
    return [...(at === 0 ? [] : [""]), ...wrap(`${capitalize(subject)}${whose}`), ...rows.flatMap(explainRow)];
  });
}

function explainRow({ words, why, actions, on, via, sid, source }: AccessRow): string[] {
  return [
    ...wrap(words, "- ", "  "),
    ...wrap(why, "  Why:   ", "         "),
    ...(actions.length === 0 ? [] : wrap(`${actions.join(", ")} on ${on.join(", ")}`, "  Exact: ", "         ")),
    `  From:  ${via}${sid === "" ? "" : `, ${sid}`}`,
    `  See:   ${source}`,
  ];
}

function explainServices({ services }: Explanation): string[] {
  return services.flatMap(({ name, title, gets, road, source, notes }) => [
    ...wrap(`${title} (${name}): ${gets}; by ${road.join(", ")}`),
    ...notes.flatMap((note) => wrap(note, "- ", "  ")),
    `  See:   ${source}`,
  ]);
}

function explainPassedRoles({ passedRoles }: Explanation): string[] {
  if (passedRoles.length === 0) return [];
  return [
    ...wrap("Whoever sets up a service with one of these roles needs iam:PassRole for it, to that service alone:"),
    ...passedRoles.flatMap(({ role, to }) => wrap(`${role} to ${to}`, "- ", "  ")),
  ];
}

function explainExemptions({ exemptions }: Explanation): string[] {
  return exemptions.flatMap(({ control, resources, reason }) =>
    wrap(`${control} (${resources.join(", ")}): ${reason}`, "- ", "  "),
  );
}

/** Lines of at most 100 columns; a longer word is not cut. */
function wrap(text: string, first = "", rest = first): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    const isFull = last !== undefined && last.length + word.length + 1 > COLUMNS;
    if (last === undefined || isFull) lines.push(`${last === undefined ? first : rest}${word}`);
    else lines[lines.length - 1] = `${last}${/\S$/.test(last) ? " " : ""}${word}`;
  }
  return lines;
}

function capitalize(text: string): string {
  return text.replace(/^./, (letter) => letter.toUpperCase());
}
