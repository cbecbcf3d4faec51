import { type Document, isMap, LineCounter, type Node, type ParsedNode, parseDocument } from "yaml";
import { SettingsProblem } from "./settings-problem.ts";

/** Most characters of a settings file; a real one has a few dozen lines. */
const TEXT_LENGTH_MAX = 1024 * 1024;
/** Most aliases resolved, so that a small file cannot unfold into a huge one. */
const ALIASES_MAX = 100;

/** `sluice.aws.yaml` as read: its value, and where in the text each key stands. */
export interface SettingsFile {
  readonly value: unknown;
  /** The problem with `name:line:column` of what it is about put before its message. */
  locate(problem: SettingsProblem): SettingsProblem;
}

/**
 * Reads YAML (or JSON, which is YAML). `name` stands before positions. Throws an AggregateError of `SettingsProblem`s
 * with line and column when the text is no YAML, or no map at its top.
 */
export function readSettingsFile(text: string, name: string): SettingsFile {
  if (text.length > TEXT_LENGTH_MAX) {
    throw toAggregate([new SettingsProblem(`${name} has ${text.length} characters; ${TEXT_LENGTH_MAX} is the limit`)]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw toAggregate(document.errors.map(({ pos, message }) => new SettingsProblem(`${at(pos[0])}: ${message}`)));
  }
  const root = document.contents as ParsedNode | null;
  if (root !== null && !isMap(root)) {
    throw toAggregate([
      new SettingsProblem(`${at(root.range[0])}: settings are names with values, such as "bucket: my-files"`),
    ]);
  }
  return {
    value: toValue(document, name),
    locate: (problem) => new SettingsProblem(`${at(findOffset(root, problem.path))}: ${problem.message}`, problem.path),
  };
}

function toValue(document: Document.Parsed, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw toAggregate([new SettingsProblem(`${name} unfolds into more than ${ALIASES_MAX} aliases; write it out`)]);
  }
}

function toAggregate(problems: readonly SettingsProblem[]): AggregateError {
  return new AggregateError(problems, problems.map(({ message }) => message).join("\n"));
}

/** Where the key of the path stands, or the nearest of its parents that is there. */
function findOffset(root: Node | null, path: readonly (string | number)[]): number {
  let offset = root?.range?.[0] ?? 0;
  let node: unknown = root;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => String((item.key as { value?: unknown } | null)?.value) === String(key));
    if (pair === undefined) break;
    offset = (pair.key as Node).range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}
