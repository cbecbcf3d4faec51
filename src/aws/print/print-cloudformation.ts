import { Document, isCollection, type Pair, type Scalar, visit, type YAMLMap } from "yaml";
import { Policy, toStatementJson } from "../policy/policy.ts";
import { type Resource, type Template, toRetention } from "../template/template.ts";
import { Leaf, type Properties, type Value } from "../template/value.ts";

const LINE_LENGTH = 110;
/** Most characters, as JSON, of what a template without reasons has in one line. */
const FLOW_LENGTH = 80;

/**
 * The template as CloudFormation's YAML, with one property a line. The same template gives the same bytes. Above each
 * resource and statement it says why it is there and which AWS document it follows, unless the template has one comment
 * in place of these.
 */
export function printCloudFormation(template: Template, header: readonly string[] = []): string {
  const document = new Document({}, { version: "1.1", aliasDuplicateObjects: false });
  document.contents = createMap(document, {
    AWSTemplateFormatVersion: "2010-09-09",
    Description: template.description,
    Rules: Object.fromEntries(
      Object.entries(template.rules).map(([name, { assert, description }]) => [
        name,
        { Assertions: [{ Assert: assert, AssertDescription: description }] },
      ]),
    ),
    Resources: Object.fromEntries(
      Object.entries(template.resources).map(([logicalId, resource]) => [logicalId, toResourceJson(resource)]),
    ),
    ...(Object.keys(template.outputs).length > 0 && {
      Outputs: Object.fromEntries(
        Object.entries(template.outputs).map(([name, { description, value }]) => [
          name,
          { Description: description, Value: value },
        ]),
      ),
    }),
  });
  const top = [...header, ...(template.comment === undefined ? [] : wrapText(template.comment))];
  if (top.length > 0) document.commentBefore = top.map((line) => ` ${line}`).join("\n");
  const resources = document.get("Resources") as YAMLMap;
  for (const { key } of resources.items as Pair<Scalar<string>>[]) {
    // A comment before a pair belongs to its key.
    key.commentBefore = toComment(template.resources[key.value] as Resource);
    key.spaceBefore = key !== resources.items[0]?.key;
  }
  if (template.comment !== undefined) makeShort(document);
  return document.toString({ lineWidth: 0, directives: false, flowCollectionPadding: false });
}

/** Takes the reasons away, and writes what is short in one line. */
function makeShort(document: Document): void {
  visit(document, {
    Collection: (_, node, path) => {
      node.commentBefore = null;
      const isWithin = path.some((one) => isCollection(one) && one.flow);
      if (isWithin || JSON.stringify(node.toJSON()).length <= FLOW_LENGTH) node.flow = true;
    },
    Scalar: (_, node, path) => {
      node.commentBefore = null;
      // Older readers of YAML end a plain text at its colon within brackets.
      const isWithin = path.some((one) => isCollection(one) && one.flow);
      if (isWithin && String(node.value).includes(":")) node.type = "QUOTE_DOUBLE";
    },
  });
}

/** The resource as CloudFormation's JSON; policies are left for whoever prints them. */
function toResourceJson(resource: Resource): Properties {
  const { type, properties, dependsOn = [] } = resource;
  return {
    Type: type,
    ...toRetention(resource),
    ...(dependsOn.length > 0 && { DependsOn: dependsOn }),
    Properties: properties,
  };
}

function createMap(document: Document, value: Value): YAMLMap {
  return createNode(document, value) as YAMLMap;
}

/** A node of the value. Policies in it have their statements' comments. */
function createNode(document: Document, value: Value): unknown {
  if (value instanceof Policy) return createPolicyNode(document, value);
  if (value instanceof Leaf) return createNode(document, value.toJson());
  if (Array.isArray(value)) {
    const list = document.createNode([]) as { items: unknown[] };
    list.items = value.map((one) => createNode(document, one as Value));
    return list;
  }
  if (typeof value !== "object") return document.createNode(value);
  const map = document.createNode({}) as YAMLMap;
  for (const [key, one] of Object.entries(value)) {
    map.items.push(document.createPair(key, null) as never);
    (map.items.at(-1) as Pair).value = createNode(document, one);
  }
  return map;
}

function createPolicyNode(document: Document, policy: Policy): unknown {
  const { Statement: _, ...head } = policy.toJson();
  const map = createNode(document, head) as YAMLMap;
  const list = document.createNode([]) as { items: unknown[] };
  list.items = policy.statements.map((statement) => {
    const node = createNode(document, toStatementJson(statement)) as YAMLMap & { commentBefore?: string };
    node.commentBefore = toComment(statement);
    return node;
  });
  const pair = document.createPair("Statement", null) as Pair;
  pair.value = list;
  map.items.push(pair as never);
  return map;
}

/** The reason in lines of a readable length, and then the AWS document. */
function toComment({ why, source }: { why: string; source: string }): string {
  return [...wrapText(why), source].map((line) => ` ${line}`).join("\n");
}

function wrapText(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > LINE_LENGTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
