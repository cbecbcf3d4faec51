import { subscriptionsContract } from "../contracts/subscriptions-contract.ts";
import { FakeSubscriptions } from "./fake-subscriptions.ts";

describe("FakeSubscriptions", () => {
  subscriptionsContract(async () => {
    let now = 1_000_000;
    const fake = new FakeSubscriptions(() => now);
    return {
      subscriptions: fake,
      leases: fake,
      pass: async (ms) => {
        now += ms;
      },
      close: async () => {},
    };
  });
});
