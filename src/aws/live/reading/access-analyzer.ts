import {
  AccessAnalyzerClient,
  type PathElement,
  ValidatePolicyCommand,
  type ValidatePolicyCommandInput,
  type ValidatePolicyFinding,
} from "@aws-sdk/client-accessanalyzer";
import { LiveAwsProblem } from "../comparison/live-facets.ts";
import type { PlainMap } from "../comparison/plain.ts";
import { type Caller, toClientLimits } from "./client-limits.ts";
import { toLiveAwsProblem } from "./live-problem.ts";
import { ANALYZER_PERMISSION, type PolicyAnalyzer, type PolicyKind, type PolicyRemark } from "./policy-analyzer.ts";

/** Most pages of remarks on one policy; usually there is one. A policy with more is reported as a failure. */
const PAGES_MAX = 10;

/** The place to ask. */
interface AnalyzerPlace extends Caller {
  /** URL of an S3 server other than AWS. */
  readonly endpoint?: string | undefined;
  /** URL of an Access Analyzer other than AWS. When `endpoint` is given without it, nothing is asked. */
  readonly accessAnalyzerEndpoint?: string | undefined;
}

/** The API's name for each kind. A type of resource goes with resource policies alone, and only some have one. */
const KINDS = {
  bucket: { policyType: "RESOURCE_POLICY", validatePolicyResourceType: "AWS::S3::Bucket" },
  role: { policyType: "IDENTITY_POLICY" },
  trust: { policyType: "RESOURCE_POLICY", validatePolicyResourceType: "AWS::IAM::AssumeRolePolicyDocument" },
  resource: { policyType: "RESOURCE_POLICY" },
} as const satisfies Record<PolicyKind, Partial<ValidatePolicyCommandInput>>;

/**
 * IAM Access Analyzer through the AWS SDK. It needs no analyzer in the account and costs nothing. `close` ends its
 * connections. Source: https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ValidatePolicy.html
 */
export function createAccessAnalyzer(place: AnalyzerPlace): PolicyAnalyzer & { close(): void } {
  const { endpoint, accessAnalyzerEndpoint } = place;
  const client = new AccessAnalyzerClient({
    ...toClientLimits(place),
    ...(accessAnalyzerEndpoint !== undefined && { endpoint: accessAnalyzerEndpoint }),
  });
  const isThere = endpoint === undefined || accessAnalyzerEndpoint !== undefined;
  return {
    async validatePolicy(document, kind, { signal }) {
      if (!isThere) {
        throw new LiveAwsProblem("unsupported", `nothing is validated at ${endpoint}, which is an S3 endpoint alone`);
      }
      try {
        return await readRemarks(client, { ...KINDS[kind], document, signal });
      } catch (error) {
        signal.throwIfAborted();
        throw toAnalyzerProblem(error);
      }
    },
    close() {
      client.destroy();
    },
  };
}

async function readRemarks(
  client: AccessAnalyzerClient,
  { document, signal, ...kind }: (typeof KINDS)[PolicyKind] & { document: PlainMap; signal: AbortSignal },
): Promise<PolicyRemark[]> {
  const remarks: PolicyRemark[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const input = { ...kind, locale: "EN" as const, policyDocument: JSON.stringify(document), nextToken };
    const answer = await client.send(new ValidatePolicyCommand(input), { abortSignal: signal });
    // A server that answers 200 to anything would make every policy look good.
    if (!Array.isArray(answer.findings)) throw new LiveAwsProblem("failed", "the answer has no list of findings");
    remarks.push(...answer.findings.map(toRemark));
    nextToken = answer.nextToken;
    if (nextToken === undefined) return remarks;
  }
  throw new LiveAwsProblem("failed", `there are more than ${PAGES_MAX} pages of findings`);
}

function toRemark({ findingType, issueCode, findingDetails, learnMoreLink, locations }: ValidatePolicyFinding) {
  return {
    type: findingType ?? "ERROR",
    code: issueCode ?? "UNKNOWN",
    text: findingDetails ?? "",
    link: learnMoreLink ?? "",
    places: (locations ?? []).map(({ path }) => (path ?? []).flatMap(toStep)),
  };
}

/** Substrings are left out: the text that they are part of is printed in full. */
function toStep({ value, key, index }: PathElement): (string | number)[] {
  const step = value ?? key ?? index;
  return step === undefined ? [] : [step];
}

/** No policy is ever missing: an endpoint that answers so does not know the request. */
function toAnalyzerProblem(error: unknown): LiveAwsProblem {
  const problem = toLiveAwsProblem(error, "Access Analyzer", {
    permissions: [ANALYZER_PERMISSION],
    where: ", a permission for no resource",
  });
  if (problem.kind !== "missing") return problem;
  return new LiveAwsProblem("unsupported", "this endpoint does not validate policies", { cause: error });
}
