import ts from "typescript";

/** One small change of a file, as a defect could be. */
export interface Mutant {
  /** The file, from the top of the tree. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** What kind of change it is, for people. */
  readonly kind: string;
  /** The characters that are replaced. */
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

const { SyntaxKind: K } = ts;

/** For each operator the kind of its mutants, and what takes its place. */
const OPERATORS = new Map<ts.SyntaxKind, readonly [kind: string, by: readonly string[]]>([
  [K.LessThanToken, ["boundary", ["<=", ">="]]],
  [K.LessThanEqualsToken, ["boundary", ["<", ">"]]],
  [K.GreaterThanToken, ["boundary", [">=", "<="]]],
  [K.GreaterThanEqualsToken, ["boundary", [">", "<"]]],
  [K.EqualsEqualsEqualsToken, ["negation", ["!=="]]],
  [K.ExclamationEqualsEqualsToken, ["negation", ["==="]]],
  [K.AmpersandAmpersandToken, ["logic", ["||"]]],
  [K.BarBarToken, ["logic", ["&&"]]],
  [K.QuestionQuestionToken, ["logic", ["&&"]]],
  [K.PlusToken, ["arithmetic", ["-"]]],
  [K.MinusToken, ["arithmetic", ["+"]]],
  [K.AsteriskToken, ["arithmetic", ["/"]]],
  [K.SlashToken, ["arithmetic", ["*"]]],
  [K.PercentToken, ["arithmetic", ["*"]]],
  [K.PlusEqualsToken, ["arithmetic", ["-="]]],
  [K.MinusEqualsToken, ["arithmetic", ["+="]]],
]);

/** Calls that tell people or graphs something, and decide nothing. */
const TELLS = /^(?:[\w.#]*\blog\b|recordMetric\b|this\.#log\b|[\w.#]*\.unref$|assert\b)/;
/** Calls and constructors that make errors: their arguments are words. */
const MAKES_ERROR = /(?:Error|^invalidArgument|Refused|NotFound|Mismatch)$/;

/** A text with values in it that is a sentence tells people something. */
const SENTENCE = /[a-z,;:] [a-z(]/;

/** All mutants of a source: none in types, comments, texts of the log, or messages of errors. */
export function findMutants(file: string, source: string): Mutant[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const found: Mutant[] = [];
  const add = (node: ts.Node, kind: string, ...replacements: string[]) => {
    const start = node.getStart(tree);
    const line = tree.getLineAndCharacterOfPosition(start).line + 1;
    for (const replacement of replacements) found.push({ file, line, kind, start, end: node.end, replacement });
  };
  const visit = (node: ts.Node): void => {
    if (isBeside(node)) return;
    mutate(node, add);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** The source with the mutant in it. */
export function applyMutant(source: string, { start, end, replacement }: Mutant): string {
  return source.slice(0, start) + replacement + source.slice(end);
}

function isBeside(node: ts.Node): boolean {
  if (ts.isTypeNode(node) || ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node)) return true;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return true;
  if (ts.isTemplateExpression(node) && SENTENCE.test(node.getText().replaceAll(/\$\{[^}]*\}/g, "x"))) return true;
  if (ts.isCallExpression(node) && TELLS.test(node.expression.getText())) return true;
  if (ts.isNewExpression(node) || ts.isCallExpression(node)) return MAKES_ERROR.test(node.expression.getText());
  return false;
}

type Add = (node: ts.Node, kind: string, ...replacements: string[]) => void;

function mutate(node: ts.Node, add: Add): void {
  if (ts.isBinaryExpression(node)) {
    const operator = OPERATORS.get(node.operatorToken.kind);
    const isText = [node.left, node.right].some(
      (side) => ts.isStringLiteralLike(side) || ts.isTemplateExpression(side),
    );
    if (operator !== undefined && !(operator[0] === "arithmetic" && isText))
      add(node.operatorToken, operator[0], ...operator[1]);
  } else if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) mutateUnary(node, add);
  else if (ts.isIfStatement(node) || ts.isWhileStatement(node)) negate(node.expression, add);
  else if (ts.isConditionalExpression(node)) negate(node.condition, add);
  else if (ts.isExpressionStatement(node)) removeStatement(node, add);
  else if (ts.isReturnStatement(node) && node.expression !== undefined && node.expression.getText() !== "undefined")
    add(node.expression, "returned value", "undefined as never");
  else if (ts.isNumericLiteral(node)) add(node, "literal", node.text === "0" ? "1" : "0");
  else if (node.kind === K.TrueKeyword) add(node, "literal", "false");
  else if (node.kind === K.FalseKeyword) add(node, "literal", "true");
}

function mutateUnary(node: ts.PrefixUnaryExpression | ts.PostfixUnaryExpression, add: Add): void {
  if (node.operator === K.ExclamationToken) add(node, "negation", node.operand.getText());
  const by = node.operator === K.PlusPlusToken ? "--" : node.operator === K.MinusMinusToken ? "++" : undefined;
  if (by === undefined) return;
  const operand = node.operand.getText();
  add(node, "arithmetic", ts.isPrefixUnaryExpression(node) ? `${by}${operand}` : `${operand}${by}`);
}

/** Conditions that are one comparison have mutants of their own. */
function negate(condition: ts.Expression, add: Add): void {
  const isComparison =
    ts.isBinaryExpression(condition) && OPERATORS.get(condition.operatorToken.kind)?.[0] !== undefined;
  if (!isComparison && !ts.isPrefixUnaryExpression(condition)) add(condition, "negation", `!(${condition.getText()})`);
}

function removeStatement({ expression }: ts.ExpressionStatement, add: Add): void {
  const inner =
    ts.isAwaitExpression(expression) || ts.isVoidExpression(expression) ? expression.expression : expression;
  if (
    ts.isCallExpression(inner) &&
    (TELLS.test(inner.expression.getText()) || inner.expression.kind === K.SuperKeyword)
  )
    return;
  const isAssignment = ts.isBinaryExpression(inner) && inner.operatorToken.kind === K.EqualsToken;
  if (ts.isCallExpression(inner) || isAssignment) add(expression, "removed statement", "undefined");
}
