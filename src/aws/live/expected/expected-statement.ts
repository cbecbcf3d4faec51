import type { Configuration } from "../../generate-configuration.ts";
import { Policy, toStatementJson } from "../../policy/policy.ts";
import type { Value } from "../../template/value.ts";
import { resolveIntrinsics } from "../comparison/made-up-ids.ts";
import { type Plain, type PlainMap, toPlain } from "../comparison/plain.ts";

/** An expected statement. */
export interface ExpectedStatement {
  readonly sid: string;
  /** The reason for the statement, from which the consequence of its loss follows. */
  readonly why: string;
  readonly json: PlainMap;
}

/** The expected statements of a policy document; none for anything else. */
export function toStatements(configuration: Configuration, document: Value | undefined): ExpectedStatement[] {
  if (!(document instanceof Policy)) return [];
  return document.statements.map((statement) => ({
    sid: statement.sid,
    why: statement.why,
    json: toLiteral(configuration, toStatementJson(statement)) as PlainMap,
  }));
}

/** The value as plain JSON with literal texts; undefined when there is none. */
export function toLiteral(configuration: Configuration, value: Value | undefined): Plain | undefined {
  const plain = toPlain(value);
  return plain === undefined ? undefined : resolveIntrinsics(configuration, plain);
}
