import type { Configuration } from "../generate-configuration.ts";
import { isPlainMap, toList } from "./comparison/plain.ts";
import { createFinding, type Finding } from "./finding.ts";
import { listPolicyDocuments, type PolicyDocument } from "./policy-documents.ts";
import type { PolicyAnalyzer, PolicyRemark } from "./reading/policy-analyzer.ts";
import { type Read, type Reading, runReadings } from "./reading/readings.ts";
import { createUnreadFinding } from "./unread-finding.ts";

const CHECK = "validation";
const UNKNOWN = { unknown: "whether AWS objects to it" };

/** Type of remarks on style: they are reported, and nothing fails because of them. */
const SUGGESTION = "SUGGESTION";

/**
 * Lets AWS validate every policy document of the configuration as it will be deployed. The result is one finding for each
 * remark and one for each document without remarks, in the template's order. An obstacle to the first document would be one
 * for all: it gives a single finding for all of them. Throws the errors of `runReadings`.
 */
export async function validatePolicies(
  configuration: Configuration,
  analyzer: PolicyAnalyzer,
  options: { signal: AbortSignal },
): Promise<Finding[]> {
  const documents = listPolicyDocuments(configuration);
  const findings = await runReadings((read) => [validateAll(documents, { analyzer, read })], options);
  return findings.flat();
}

async function validateAll(
  [first, ...others]: readonly PolicyDocument[],
  { analyzer, read }: { analyzer: PolicyAnalyzer; read: Read },
): Promise<Finding[]> {
  if (first === undefined) return [];
  const ask = async ({ document, kind }: PolicyDocument) =>
    await read((signal) => analyzer.validatePolicy(document, kind, { signal }));
  const tried = await ask(first);
  if ("problem" in tried) {
    return [createUnreadFinding({ check: CHECK, resource: "policies" }, tried.problem, UNKNOWN)];
  }
  const rest = others.map(async (one) => toFindings(one, await ask(one)));
  return [...toFindings(first, tried), ...(await Promise.all(rest)).flat()];
}

function toFindings(document: PolicyDocument, reading: Reading<PolicyRemark[]>): Finding[] {
  const about = { check: CHECK, resource: document.name };
  if ("problem" in reading) return [createUnreadFinding(about, reading.problem, UNKNOWN)];
  if (reading.value.length === 0) return [createFinding(about, "ok", {})];
  return reading.value.map((remark) => toFinding(document, remark));
}

function toFinding(document: PolicyDocument, { type, code, text, link, places }: PolicyRemark): Finding {
  const where = places.map((place) => toPlaceWords(document, place)).filter((words) => words !== "");
  const about = { check: `${CHECK} ${code}`, resource: document.name };
  return createFinding(about, type === SUGGESTION ? "ok" : "flagged", {
    meaning: `${type}${where.length === 0 ? "" : ` in ${where.join("; ")}`}: ${text}`,
    mend: `change the setting in sluice.aws.yaml from which it follows, or report it if there is none; ${link} explains the rule`,
  });
}

/** `statement DenyPlaintext, Condition.Bool`: the Sid is the one that the settings' explanation shows as well. */
function toPlaceWords({ document }: PolicyDocument, place: readonly (string | number)[]): string {
  const [root, index, ...path] = place;
  const statement = typeof index === "number" ? toList(document.Statement)[index] : undefined;
  if (root !== "Statement" || !isPlainMap(statement)) return toPath(place);
  return [`statement ${statement.Sid}`, ...(path.length === 0 ? [] : [toPath(path)])].join(", ");
}

/** A path, such as `Action[0]`. */
function toPath(steps: readonly (string | number)[]): string {
  return steps.map((step, at) => (typeof step === "number" ? `[${step}]` : at === 0 ? step : `.${step}`)).join("");
}
