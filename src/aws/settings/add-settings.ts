import { Document, isCollection, isMap, type Node, parseDocument } from "yaml";

/**
 * The text of settings with some of them set: lists are joined to those that are there, maps merged key by key, and any other
 * value replaced. All other lines, comments among them, stay as they are.
 */
export function addSettings(text: string, values: Readonly<Record<string, unknown>>): string {
  const document = parseDocument(text);
  const target = isMap(document.contents) ? document : new Document({});
  for (const [name, value] of Object.entries(values)) add(target, [name], value);
  return target.toString({ lineWidth: 0 });
}

function add(document: Document | ReturnType<typeof parseDocument>, path: readonly string[], value: unknown): void {
  const before = document.getIn(path, true) as Node | undefined;
  if (Array.isArray(value)) {
    if (value.length === 0) return;
    const joined = isCollection(before) ? [...(before.toJSON() as unknown[]), ...value] : value;
    return void document.setIn(path, document.createNode(joined));
  }
  if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) add(document, [...path, name], inner);
    return;
  }
  document.setIn(path, value);
}
