import ts from "typescript";
import { countFolders } from "./measure-house.ts";
import { lineOf, type SourceFile, walk } from "./source-file.ts";

const FILE_LINES_MAX = 300;
/** Tests are lists of cases: longer ones still read well. */
const TEST_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;
const PARAMETERS_MAX = 3;
/** More files than this, beside their tests, are no room that one can name from memory. */
const FOLDER_FILES_MAX = 25;
/** One literal that is the whole configuration, each value with its reason: in pieces it would be harder to read. */
const LONG_FUNCTIONS = new Set(["src/config/config.ts toConfig"]);

/** Names that say the kind of their content and not its purpose: such files collect everything. */
const KIND_NAMES = /^(utils?|helpers?|common|shared|types|constants|misc|index)$/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*((\.integration|\.endurance)?\.test)?\.ts$/;

/** Files and functions that grew too large, or whose names say nothing, each as the sentence that mends it. */
export function findShapeBreaches(file: SourceFile): string[] {
  return [...findNameBreaches(file.path), ...findLengthBreach(file), ...findFunctionBreaches(file)];
}

/** Folders with too many files, each as the sentence that mends it. */
export function findFullFolders(files: readonly Pick<SourceFile, "path">[]): string[] {
  return [...countFolders(files)].flatMap(([folder, count]) =>
    count <= FOLDER_FILES_MAX
      ? []
      : [
          `${folder}: has ${count} files beside their tests, ${FOLDER_FILES_MAX} is the limit; give it inner rooms, by family and never by kind`,
        ],
  );
}

function findNameBreaches(path: string): string[] {
  const segments = path.split("/");
  const name = segments.at(-1) ?? "";
  const stems = segments.map((segment) => segment.replace(/((\.integration|\.endurance)?\.test)?\.ts$/, ""));
  const kind = stems.find((stem) => KIND_NAMES.test(stem));
  return [
    ...(kind === undefined ? [] : [`${path}: "${kind}" names a kind; name the concept, and split by it`]),
    ...(KEBAB_CASE.test(name) ? [] : [`${path}: the name is not in kebab-case; write it like "part-plan.ts"`]),
  ];
}

/** Imports do not count: how long their paths are says nothing about the file. */
function findLengthBreach({ path, text, tree, isTest }: SourceFile): string[] {
  const lastImport = tree.statements.findLast((statement) => ts.isImportDeclaration(statement));
  const importLines = lastImport === undefined ? 0 : tree.getLineAndCharacterOfPosition(lastImport.end).line + 1;
  const lines = text.split("\n").length - 1 - importLines;
  const max = isTest ? TEST_LINES_MAX : FILE_LINES_MAX;
  return lines <= max ? [] : [`${path}: has ${lines} lines, ${max} is the limit; split off the second concept in it`];
}

function findFunctionBreaches({ path, tree, isTest }: SourceFile): string[] {
  const sentences: string[] = [];
  // The functions of a suite are its chapters, and a suite is as long as its cases.
  if (isTest) return sentences;
  walk(tree, (node) => {
    if (!isFunction(node) || node.body === undefined) return;
    const name = nameOf(node);
    const at = `${path}:${lineOf(tree, node)} ${name}`;
    const lines = countOwnLines(tree, node);
    if (lines > FUNCTION_LINES_MAX && !LONG_FUNCTIONS.has(`${path} ${name}`))
      sentences.push(`${at} has ${lines} lines, ${FUNCTION_LINES_MAX} is the limit; name a step of it and move it out`);
    const count = countPositional(node, tree);
    if (count > PARAMETERS_MAX && !isCallback(node))
      sentences.push(
        `${at} takes ${count} positional parameters, ${PARAMETERS_MAX} is the limit; gather the last in an options object`,
      );
  });
  return sentences;
}

/** Lines of a function without the named functions and methods in it, which are counted by themselves. */
function countOwnLines(tree: ts.SourceFile, node: ts.FunctionLikeDeclaration): number {
  const linesOf = (one: ts.Node) =>
    tree.getLineAndCharacterOfPosition(one.end).line - tree.getLineAndCharacterOfPosition(one.getStart(tree)).line + 1;
  let lines = linesOf(node);
  const leaveOut = (below: ts.Node): void => {
    if (ts.isFunctionDeclaration(below) || ts.isMethodDeclaration(below)) lines -= linesOf(below);
    else ts.forEachChild(below, leaveOut);
  };
  ts.forEachChild(node, leaveOut);
  return lines;
}

/** Parameters without `this`, and without options or a callback at the end. */
function countPositional(node: ts.FunctionLikeDeclaration, tree: ts.SourceFile): number {
  const parameters = node.parameters.filter((parameter) => parameter.name.getText(tree) !== "this");
  const last = parameters.at(-1);
  if (last === undefined) return 0;
  const { name, type } = last;
  const isOptions =
    ts.isObjectBindingPattern(name) ||
    name.getText(tree) === "options" ||
    (type !== undefined && (ts.isTypeLiteralNode(type) || ts.isFunctionTypeNode(type)));
  return isOptions ? parameters.length - 1 : parameters.length;
}

/** A function whose parameters somebody else's interface decides. */
function isCallback(node: ts.FunctionLikeDeclaration): boolean {
  return ts.isCallExpression(node.parent) || ts.isNewExpression(node.parent) || ts.isPropertyAssignment(node.parent);
}

function isFunction(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && "body" in node;
}

function nameOf(node: ts.FunctionLikeDeclaration): string {
  if (ts.isConstructorDeclaration(node)) return "the constructor";
  if (node.name !== undefined) return node.name.getText();
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : "a function";
}
