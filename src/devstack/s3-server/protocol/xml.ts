import { XMLParser, XMLValidator } from "fast-xml-parser";
import { S3Error } from "./s3-error.ts";

/** A piece of XML that is already escaped, so that text and markup cannot be confused. */
export interface Markup {
  readonly xml: string;
}

/** `<name>text</name>` with the text escaped, or `<name>` around markup; `undefined` yields nothing. */
export function element(name: string, ...content: (Markup | string | number | boolean | undefined)[]): Markup {
  const present = content.filter((part) => part !== undefined);
  if (present.length === 0 && content.length > 0) return { xml: "" };
  const inner = present.map((part) => (typeof part === "object" ? part.xml : escapeText(String(part)))).join("");
  return { xml: `<${name}>${inner}</${name}>` };
}

/** A whole answer. Every root but `Error` carries S3's namespace, as S3 does it. */
export function xmlDocument(root: string, ...children: Markup[]): string {
  const namespace = root === "Error" ? "" : ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
  const inner = children.map((child) => child.xml).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${namespace}>${inner}</${root}>`;
}

// Entities are decoded here rather than by the parser: it drops references to control characters, which are legal
// in S3 keys (deleting "a\u0001b" must not delete "ab"), and it expands entities that a DOCTYPE defines.
const parser = new XMLParser({
  ignoreAttributes: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
});

/**
 * The children of a request document whose root is `root` and whose repeated child is `item`: one flat record of
 * texts for each item. Anything else in the document is ignored.
 * @throws S3Error `MalformedXML` when the body is not well-formed or has another root.
 */
export function parseItems(body: string, root: string, item: string): Record<string, string>[] {
  if (body.includes("<!DOCTYPE") || XMLValidator.validate(body) !== true) throw malformed(root);
  const parsed: unknown = parser.parse(body);
  const found = isRecord(parsed) ? parsed[root] : undefined;
  if (found === undefined) throw malformed(root);
  if (!isRecord(found) || found[item] === undefined) return [];
  const items = Array.isArray(found[item]) ? found[item] : [found[item]];
  return items.map((entry: unknown) => {
    if (!isRecord(entry)) throw malformed(root);
    const texts = Object.entries(entry).filter((pair): pair is [string, string] => typeof pair[1] === "string");
    return Object.fromEntries(texts.map(([name, text]) => [name, unescapeText(text)]));
  });
}

function malformed(root: string): S3Error {
  return new S3Error("MalformedXML", `the body is not a well-formed <${root}> document`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

// Control characters have no place in XML 1.0, but S3 writes them as references all the same.
function escapeText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped here
  return text.replace(/[&<>"\u0000-\u001f\u007f]/g, (character) => {
    const named = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }[character];
    return named ?? `&#x${character.charCodeAt(0).toString(16)};`;
  });
}

function unescapeText(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|(amp|lt|gt|quot|apos));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }[String(name)] ?? whole;
    const codePoint = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
    return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : whole;
  });
}
