import type { PolicyStatement } from "../services/aws-service.ts";
import type { OwnStatement } from "../settings/own-statements.ts";
import { SettingsProblem } from "../settings/settings-problem.ts";
import type { Conditions, Policy } from "./policy.ts";

const GRAMMAR = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html";

/** The statements of the settings as statements of the bucket's policy. They have been checked. */
export function toOwnStatements(own: readonly OwnStatement[]): PolicyStatement[] {
  return own.map(({ Sid, Effect, Principal: { AWS = [], Service }, Action, Resource, Condition }) => {
    const isEveryone = AWS.includes("*");
    return {
      sid: Sid,
      why: "This statement is your own: sluice.aws.yaml has it under statements.",
      source: GRAMMAR,
      effect: Effect,
      principal: Service !== undefined ? { services: Service } : isEveryone ? "everyone" : { roles: AWS },
      actions: Action,
      resources: Resource,
      ...(Condition !== undefined && { conditions: toConditions(Condition) }),
    } as PolicyStatement;
  });
}

/** One value stands alone, as AWS answers it. */
function toConditions(condition: NonNullable<OwnStatement["Condition"]>): Conditions {
  return Object.fromEntries(
    Object.entries(condition).map(([operator, keys]) => [
      operator,
      Object.fromEntries(
        Object.entries(keys).map(([key, values]) => [key, values.length === 1 ? (values[0] as string) : values]),
      ),
    ]),
  );
}

/** Of which of one's own statements the Sid is another's in the policy, too: AWS takes each once, and `verify` finds statements by it. */
export function findTakenSids(own: readonly OwnStatement[], { statements }: Policy): SettingsProblem[] {
  return own.flatMap(({ Sid }, at) => {
    if (statements.filter(({ sid }) => sid === Sid).length < 2) return [];
    const path = ["statements", at, "Sid"];
    return [
      new SettingsProblem(`${path.join(".")}: ${Sid} is a statement that Sluice makes; give yours another Sid`, path),
    ];
  });
}
