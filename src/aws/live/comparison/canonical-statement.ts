import { isPlainMap, type Plain, type PlainMap, toList } from "./plain.ts";

/**
 * A statement of a policy in the one form in which statements are compared: every list is a list, actions and condition keys
 * are in small letters (IAM ignores case), values of conditions are texts, an account's root is the account, and everyone is
 * always `{AWS: ["*"]}`. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export function toCanonicalStatement(statement: PlainMap): PlainMap {
  const entries = Object.entries(statement).map(([key, value]) => [key, toCanonical(key, value)] as const);
  return Object.fromEntries(entries);
}

function toCanonical(key: string, value: Plain): Plain {
  switch (key) {
    case "Action":
    case "NotAction":
      return [...new Set(toTexts(value).map((action) => action.toLowerCase()))];
    case "Resource":
    case "NotResource":
      return toTexts(value);
    case "Principal":
    case "NotPrincipal":
      return toPrincipal(value);
    case "Condition":
      return isPlainMap(value) ? toConditions(value) : value;
    default:
      return value;
  }
}

function toPrincipal(value: Plain): Plain {
  if (!isPlainMap(value)) return { AWS: toTexts(value) };
  return Object.fromEntries(
    Object.entries(value).map(([kind, names]) => [
      kind,
      toTexts(names).map((name) => (kind === "AWS" ? name.replace(/^arn:[^:]+:iam::(\d{12}):root$/, "$1") : name)),
    ]),
  );
}

function toConditions(conditions: PlainMap): PlainMap {
  return Object.fromEntries(
    Object.entries(conditions).map(([operator, keys]) => [
      operator,
      Object.fromEntries(
        Object.entries(isPlainMap(keys) ? keys : {}).map(([key, values]) => [key.toLowerCase(), toTexts(values)]),
      ),
    ]),
  );
}

/** Without repetitions, because these mean nothing. */
function toTexts(value: Plain): string[] {
  return [...new Set(toList(value).map(String))];
}
