import type { Configuration } from "../../../aws/generate-configuration.ts";
import { findEndpoint } from "../../../aws/scenarios/network-roads.ts";
import type { Delivery, Request, Scenario } from "../../../aws/scenarios/scenario.ts";
import { FreeForm, type Properties, type Value } from "../../../aws/template/value.ts";
import { type AccessRequest, createPolicyEvaluator } from "./policy-evaluator.ts";
import { baseContext } from "./sample-requests.ts";

/** The step at which a road ends, as a sentence; undefined when the road is open. */
export type RoadEnd = string | undefined;

/** Walks roads by the policies and the event rules of one generated template. */
export function createRoadEvaluator(configuration: Configuration): (scenario: Scenario) => Promise<RoadEnd> {
  const { site, template } = configuration;
  const evaluator = createPolicyEvaluator(configuration);
  const inside = findEndpoint(configuration);
  const network = inside === undefined ? {} : { "aws:SourceVpce": inside };
  const resolve = (value: string | readonly string[]) =>
    typeof value === "string" ? evaluator.resolve(value) : value.map((one) => evaluator.resolve(one));
  const ask = async ({ principal, action, resource, says = {} }: Request): Promise<RoadEnd> => {
    // AWS services themselves are in no VPC.
    const said = { ...baseContext(site, principal), ...(principal.startsWith("arn:") && network), ...says };
    const context = Object.fromEntries(
      Object.entries(said).flatMap(([key, value]) => (value === undefined ? [] : [[key, resolve(value)]])),
    );
    const request = {
      principal,
      action,
      resource: evaluator.resolve(resource),
      context: context as AccessRequest["context"],
    };
    const decision = await evaluator.evaluate(request);
    if (decision.startsWith("Impossible")) throw new Error(`${decision} (${action} on ${resource})`);
    return decision === "Allowed" ? undefined : `${decision}: ${action} on ${resource} by ${principal}`;
  };
  const tell = ({ rule, event }: Delivery): RoadEnd => {
    const pattern = template.resources[rule]?.properties.EventPattern;
    if (!(pattern instanceof FreeForm)) throw new Error(`there is no rule ${rule}`);
    return matchesPattern(pattern.content, event) ? undefined : `rule ${rule} is not about ${JSON.stringify(event)}`;
  };
  return async ({ steps }) => {
    for (const step of steps) {
      const end = "rule" in step ? tell(step) : await ask(step);
      if (end !== undefined) return end;
    }
    return undefined;
  };
}

/**
 * Whether EventBridge finds that the event matches: every name of the pattern is in the event, with one of its values.
 * Values are texts or `{prefix}`; what else EventBridge knows is refused here, so that no pattern is misread.
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
 */
export function matchesPattern(pattern: Properties, event: Properties): boolean {
  return Object.entries(pattern).every(([name, wanted]) => {
    const value = event[name];
    if (value === undefined) return false;
    if (!Array.isArray(wanted)) return matchesPattern(wanted as Properties, value as Properties);
    return wanted.some((one) => matchesValue(one as Value, value));
  });
}

function matchesValue(wanted: Value, value: Value): boolean {
  if (typeof wanted === "string") return wanted === value;
  const { prefix, ...others } = wanted as { prefix?: unknown };
  if (typeof prefix !== "string" || Object.keys(others).length > 0) {
    throw new Error(`the matcher does not know ${JSON.stringify(wanted)}; say it here`);
  }
  return typeof value === "string" && value.startsWith(prefix);
}
