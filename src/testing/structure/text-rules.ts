import ts from "typescript";
import { lineOf, type SourceFile, walk } from "./source-file.ts";

/** The programs of the repository: they alone read the environment they run in, and hand it on as a value. */
const PROCESS_ENTRIES = [
  ...["src/main.ts", "src/processes/cluster-main.ts", "src/cli/main.ts"],
  ...["src/devstack/start.ts", "src/devstack/demo.ts", "src/devstack/s3-server/main.ts"],
];

/** The owner of received memory, and what checks that Node keeps the rules that it relies on. */
const DETACHING = ["src/domain/memory/buffer-accounts.ts", "src/processes/check-buffers.ts"];

/** Brackets keep the rules from finding themselves. */
const LEFT_OPEN = /\b(TO[D]O|FIX[M]E|XX[X]|not implemente[d])\b/;
const MACHINE_PATH = /(?<![\w.])\/(?:root|work|home|Users)\/[\w.-]+/;
const FOCUS = new Set(["only", "skip"]);
const SCHEMA_CALLS = new Set(["sql.type", "sql.prepared"]);
const SUITE_CALLS = new Set(["it", "describe", "context", "specify"]);

/** Reads of `process.env` outside of config.ts and the process entries. */
export function findEnvironmentReads({ path, tree, isTest }: SourceFile): string[] {
  if (isTest || !path.startsWith("src/") || path === "src/config/config.ts" || PROCESS_ENTRIES.includes(path))
    return [];
  const sentences: string[] = [];
  walk(tree, (node) => {
    const isRead =
      (ts.isPropertyAccessExpression(node) && node.getText(tree) === "process.env") ||
      (ts.isVariableDeclaration(node) &&
        node.initializer?.getText(tree) === "process" &&
        /\benv\b/.test(node.name.getText(tree)));
    if (isRead)
      sentences.push(`${path}:${lineOf(tree, node)} reads process.env; take the value as a parameter, from config.ts`);
  });
  return sentences;
}

/** Buffers that are detached outside of the file that owns received memory: it alone knows that nobody needs them. */
export function findTransfers({ path, tree, isTest }: SourceFile): string[] {
  const sentences: string[] = [];
  if (isTest || DETACHING.includes(path)) return sentences;
  walk(tree, (node) => {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
    if (!/^(transfer|transferToFixedLength|structuredClone)$/.test(node.expression.name.text)) return;
    sentences.push(`${path}:${lineOf(tree, node)} detaches a buffer; give its bytes back to domain/memory instead`);
  });
  return sentences;
}

/** Exports without a docstring, and files that only pass on what others export. */
export function findExportBreaches({ path, tree, isTest }: SourceFile): string[] {
  return tree.statements.flatMap((statement, at) => {
    if (ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined)
      return [`${path}:${lineOf(tree, statement)} passes on another file's exports; import them where they are made`];
    if (path.endsWith(".test.ts") || !isExported(statement) || isDocumented(tree, at)) return [];
    const name = nameOf(statement, tree);
    const what = isTest ? "what tests may rely on" : "what it promises: units, bounds, errors";
    return [`${path}:${lineOf(tree, statement)} exports ${name} without a docstring; say ${what}`];
  });
}

/** Tests that run alone or not at all. A test that lacks something prints its name, and calls `this.skip()`. */
export function findFocusedTests({ path, tree }: SourceFile): string[] {
  const sentences: string[] = [];
  walk(tree, (node) => {
    if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.expression)) return;
    if (!SUITE_CALLS.has(node.expression.text) || !FOCUS.has(node.name.text)) return;
    const call = node.getText(tree);
    sentences.push(
      `${path}:${lineOf(tree, node)} says ${call}; run all tests, or print what is missing and call this.skip()`,
    );
  });
  return sentences;
}

/**
 * Schemas of rows that are made with their statement, or in a function of the room that reads rows: zod compiles a schema
 * when it is first used, so a schema that each call makes is compiled at each call.
 */
export function findLateSchemas({ path, tree, isTest }: SourceFile): string[] {
  const sentences: string[] = [];
  if (isTest) return sentences;
  walk(tree, (node) => {
    if (!ts.isCallExpression(node)) return;
    const callee = node.expression.getText(tree);
    const schema = SCHEMA_CALLS.has(callee) ? node.arguments.at(-1) : undefined;
    const isInStatement = schema !== undefined && ts.isCallExpression(schema);
    const isInFunction = path.startsWith("src/postgres/") && callee.startsWith("z.") && isWithinFunction(node);
    if (!isInStatement && !isInFunction) return;
    sentences.push(`${path}:${lineOf(tree, node)} makes a schema at every call; make it once, beside the function`);
  });
  return sentences;
}

function isWithinFunction(node: ts.Node): boolean {
  return ts.findAncestor(node, ts.isFunctionLike) !== undefined;
}

/** Work left open, and paths of one machine, in a text of any kind. */
export function findLooseEnds(path: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const open = LEFT_OPEN.exec(line)?.[0];
    const machine = MACHINE_PATH.exec(line)?.[0];
    return [
      ...(open === undefined
        ? []
        : [`${path}:${index + 1} says "${open}"; do it now, or open an issue and leave it out`]),
      ...(machine === undefined ? [] : [`${path}:${index + 1} names "${machine}", a path of one machine; derive it`]),
    ];
  });
}

function isExported(statement: ts.Statement): boolean {
  return ts.canHaveModifiers(statement)
    ? (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    : false;
}

/** An export has a docstring of its own, or shares that of the constant right above it: one sentence may stand for a group. */
function isDocumented(tree: ts.SourceFile, at: number): boolean {
  const statement = tree.statements[at];
  if (statement === undefined) return false;
  if (ts.getJSDocCommentsAndTags(statement).some(ts.isJSDoc)) return true;
  const above = tree.statements[at - 1];
  if (above === undefined || !ts.isVariableStatement(statement) || !ts.isVariableStatement(above)) return false;
  return !/\n\s*\n/.test(tree.text.slice(above.end, statement.getStart(tree))) && isDocumented(tree, at - 1);
}

function nameOf(statement: ts.Statement, tree: ts.SourceFile): string {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText(tree)).join(", ");
  const { name } = statement as ts.DeclarationStatement;
  return name?.getText(tree) ?? "its default";
}
