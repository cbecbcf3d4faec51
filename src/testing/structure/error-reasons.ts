import ts from "typescript";
import { type SourceFile, walk } from "./source-file.ts";

/**
 * The reasons that the service's code refuses with, each with its codes: what stands literally in `new DomainError(code,
 * …, { reason })`, in `invalidArgument(field, …, { reason })` and in `refuseToken(reason, …)`.
 */
export function collectErrorReasons(files: readonly SourceFile[]): Map<string, Set<string>> {
  const reasons = new Map<string, Set<string>>();
  for (const { tree } of files) {
    walk(tree, (node) => {
      const code = codeOf(node);
      if (code === undefined) return;
      const reason = reasonOf(node as ts.NewExpression | ts.CallExpression);
      if (reason === undefined) return;
      reasons.set(reason, (reasons.get(reason) ?? new Set()).add(code));
    });
  }
  return reasons;
}

function codeOf(node: ts.Node): string | undefined {
  if (ts.isCallExpression(node) && node.expression.getText() === "invalidArgument") return "invalid_argument";
  if (ts.isCallExpression(node) && node.expression.getText() === "refuseToken") return "unauthenticated";
  if (!ts.isNewExpression(node) || node.expression.getText() !== "DomainError") return undefined;
  const code = node.arguments?.[0];
  return code !== undefined && ts.isStringLiteral(code) ? code.text : undefined;
}

function reasonOf(call: ts.NewExpression | ts.CallExpression): string | undefined {
  let found: string | undefined;
  const [first] = call.arguments ?? [];
  if (call.expression.getText() === "refuseToken")
    return first !== undefined && ts.isStringLiteral(first) ? first.text : undefined;
  for (const argument of call.arguments ?? []) {
    walk(argument, (node) => {
      if (ts.isPropertyAssignment(node) && node.name.getText() === "reason" && ts.isStringLiteral(node.initializer))
        found ??= node.initializer.text;
    });
  }
  return found ?? (ts.isCallExpression(call) ? "ARGUMENT_INVALID" : undefined);
}
