import { z } from "zod";
import { isLoopbackAddress, type Network, parseAllowedNetwork } from "../domain/subscriptions/reachable-addresses.ts";

const BUS_ARN = /^arn:aws(-cn|-us-gov)?:events:[a-z0-9-]+:\d{12}:event-bus\/[A-Za-z0-9._/-]{1,256}$/;

/** ARNs of buses of EventBridge, separated by commas. The error quotes what is none. */
export function eventBuses() {
  return z.string().transform((text, context): string[] => {
    const buses = text.split(",").map((bus) => bus.trim());
    for (const bus of buses) {
      if (!BUS_ARN.test(bus))
        context.addIssue(
          `names "${bus}"; write the ARN of a bus: "arn:aws:events:eu-central-1:111122223333:event-bus/files"`,
        );
    }
    return buses;
  });
}

/** Networks, separated by commas. The error quotes what is none, or must not be named. */
export function webhookNetworks() {
  return z.string().transform((text, context): Network[] =>
    text.split(",").flatMap((one) => {
      const network = parseAllowedNetwork(one.trim());
      if (typeof network !== "string") return network;
      context.addIssue(network);
      return [];
    }),
  );
}

/** What does not fit together in the settings of deliveries, one sentence each. */
export function findDeliveryProblems(env: {
  SLUICE_WEBHOOK_NETWORKS?: readonly Network[] | undefined;
  NODE_ENV?: string | undefined;
}): string[] {
  const own = env.SLUICE_WEBHOOK_NETWORKS?.find(({ address }) => isLoopbackAddress(address));
  if (own === undefined || env.NODE_ENV !== "production") return [];
  return [
    `SLUICE_WEBHOOK_NETWORKS names ${own.address}/${own.bits}, the service's own host, which is refused while NODE_ENV is "production"`,
  ];
}
