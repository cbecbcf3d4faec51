import type { Configuration } from "../generate-configuration.ts";
import { listConsumerRoads } from "./consumer-roads.ts";
import { listEventRoads } from "./event-roads.ts";
import { listGateRoads } from "./gate-roads.ts";
import { listGuardRoads } from "./guard-roads.ts";
import { listKeyRoads } from "./key-roads.ts";
import { listNetworkRoads } from "./network-roads.ts";
import type { Scenario } from "./scenario.ts";
import { listServiceRoads } from "./service-roads.ts";
import { listSluiceRoads } from "./sluice-roads.ts";
import { listStatementRoads } from "./statement-roads.ts";

/** Scenarios of one kind. */
export interface ScenarioGroup {
  readonly title: string;
  readonly scenarios: readonly Scenario[];
}

/**
 * Every road that must be open or shut in the configuration, as its settings decide it: no scenario is read from the
 * template's policies. That the policies keep to them is proven by the tests, on a simulator of IAM.
 */
export function listScenarios(configuration: Configuration): ScenarioGroup[] {
  return [
    { title: "Sluice's own roles", scenarios: configuration.settings.minimal ? [] : listSluiceRoads(configuration) },
    { title: "What the bucket refuses", scenarios: listGuardRoads(configuration) },
    { title: "The key of files", scenarios: listKeyRoads(configuration) },
    { title: "GuardDuty's gate", scenarios: listGateRoads(configuration) },
    { title: "Events", scenarios: listEventRoads(configuration) },
    { title: "AWS services", scenarios: listServiceRoads(configuration) },
    { title: "Consumers in other accounts", scenarios: listConsumerRoads(configuration) },
    { title: "Statements of your own", scenarios: listStatementRoads(configuration) },
    { title: "The network", scenarios: listNetworkRoads(configuration) },
  ].filter(({ scenarios }) => scenarios.length > 0);
}
