import {
  type Document,
  type ErrorCode,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
} from "yaml";
import { SettingsProblem } from "./settings-problem.ts";

/** Most bytes of settings in UTF-8. Every setting with every service and its options takes some 5 KiB. */
export const SETTINGS_BYTES_MAX = 64 * 1024;
/** Most aliases that are resolved, so that a small file cannot unfold into a huge one. */
const ALIASES_MAX = 100;
/** Sentences in place of the library's messages, which speak of its own workings. */
const MESSAGES: ReadonlyMap<ErrorCode, string> = new Map([
  ["RESOURCE_EXHAUSTION", "Maps and lists are nested too deeply"],
]);

/** `sluice.aws.yaml` after reading: its value, and the place of each key in the text. */
export interface SettingsFile {
  readonly value: unknown;
  /** The problem with `name:line:column` of its subject before its message. */
  locate(problem: SettingsProblem): SettingsProblem;
}

/**
 * Reads YAML (or JSON, which is YAML). `name` stands before line and column. Throws an AggregateError of `SettingsProblem`s
 * with line and column when the text is no YAML, or has no map at its top.
 */
export function readSettingsFile(text: string, name: string): SettingsFile {
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > SETTINGS_BYTES_MAX) {
    throw toAggregate([new SettingsProblem(`${name} has ${sizeBytes} bytes; ${SETTINGS_BYTES_MAX} is the limit`)]);
  }
  const lines = new LineCounter();
  // The library compares each key of a map with all keys before it, which takes a second for 64 KiB.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, version: "1.2" } as const;
  const document = parseDocument(text, options);
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const mistakes = [
    ...document.errors.map(({ code, pos, message }) => ({ offset: pos[0], message: MESSAGES.get(code) ?? message })),
    ...findRepeatedKeys(document).map((offset) => ({ offset, message: "Map keys must be unique" })),
  ];
  if (mistakes.length > 0) {
    throw toAggregate(mistakes.map(({ offset, message }) => new SettingsProblem(`${at(offset)}: ${message}`)));
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

/** Offsets of the keys that their map already has. Two keys are equal when they give the same name: `1` and `"1"`. */
function findRepeatedKeys(document: Document.Parsed): number[] {
  const offsets: number[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const names = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const name = String(key.value ?? "");
        if (names.has(name)) offsets.push(key.range?.[0] ?? 0);
        names.add(name);
      }
    },
  });
  return offsets;
}

function toValue(document: Document.Parsed, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const what = `${name} has more than ${ALIASES_MAX} aliases, or one that no anchor stands before; write it out`;
    throw toAggregate([new SettingsProblem(what)]);
  }
}

function toAggregate(problems: readonly SettingsProblem[]): AggregateError {
  return new AggregateError(problems, problems.map(({ message }) => message).join("\n"));
}

/** Offset of the path's key or item, or of the nearest parent that exists. */
function findOffset(root: Node | null, path: readonly (string | number)[]): number {
  let offset = root?.range?.[0] ?? 0;
  let node: unknown = root;
  for (const key of path) {
    if (isSeq(node) && typeof key === "number") {
      node = node.items[key];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
      continue;
    }
    if (!isMap(node)) break;
    const pair = node.items.find((item) => String((item.key as { value?: unknown } | null)?.value) === String(key));
    if (pair === undefined) break;
    offset = (pair.key as Node).range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}
