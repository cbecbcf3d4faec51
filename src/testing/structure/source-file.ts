import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import ts from "typescript";

/** A TypeScript file as the structure rules see it. */
export interface SourceFile {
  /** From the top of the repository, with "/": `src/domain/files/file.ts`. */
  path: string;
  text: string;
  tree: ts.SourceFile;
  imports: readonly Import[];
  /** Such a file needs no docstring and may be long: `*.test.ts`, and files that only tests import. */
  isTest: boolean;
}

/** One import, export-from, `import()` or `import("…")` type. */
export interface Import {
  /** Path of the imported file from the top of the repository, or the package's or Node module's specifier. */
  target: string;
  isPackage: boolean;
  /** Whether the import is gone when the types are stripped. */
  isTypeOnly: boolean;
  /** An `import()`, which loads nothing before it is called. */
  isLate: boolean;
  /** Counted from 1. */
  line: number;
}

/** Reads every `.ts` file below the folders, in the order of their paths. `root` is the top of the repository, a URL. */
export function readSourceFiles(root: URL, folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => `${entry.parentPath.replaceAll("\\", "/").replace(/\/$/, "")}/${entry.name}`)
      .map((path) => path.slice(path.lastIndexOf(`/${folder}/`) + 1))
      .sort()
      .map((path) => parseSourceFile(path, readFileSync(new URL(path, root), "utf8"))),
  );
}

/** Parses one file; `path` is taken as is and need not exist. */
export function parseSourceFile(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const isTest = path.endsWith(".test.ts") || path.startsWith("src/testing/");
  return { path, text, tree, imports: findImports(path, tree), isTest };
}

/** Line of a node, counted from 1. */
export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

/** Calls `visit` for the node and everything below it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function findImports(path: string, tree: ts.SourceFile): Import[] {
  const imports: Import[] = [];
  walk(tree, (node) => {
    const specifier = specifierOf(node);
    if (specifier === undefined) return;
    const isPackage = !specifier.startsWith(".");
    const target = isPackage ? specifier : posix.join(posix.dirname(path), specifier);
    const isLate = ts.isCallExpression(node);
    imports.push({ target, isPackage, isTypeOnly: isTypeOnly(node), isLate, line: lineOf(tree, node) });
  });
  return imports;
}

function specifierOf(node: ts.Node): string | undefined {
  let specifier: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) specifier = node.moduleSpecifier;
  else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    specifier = node.arguments[0];
  else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) specifier = node.argument.literal;
  return specifier !== undefined && ts.isStringLiteral(specifier) ? specifier.text : undefined;
}

/** Also true of `import { type A, type B }`, of which an empty import stays. */
function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  if (!ts.isImportDeclaration(node)) return false;
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.every((element) => element.isTypeOnly);
}
