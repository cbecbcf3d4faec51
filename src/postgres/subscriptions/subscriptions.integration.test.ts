import { sql } from "slonik";
import { subscriptionsContract } from "../../testing/contracts/subscriptions-contract.ts";
import { createPostgresSubject } from "../../testing/rigs/database/postgres-subject.ts";
import { toInterval } from "../pool/sql-values.ts";
import { createDeliveryLeases } from "./delivery-leases.ts";
import { createSubscriptionRepository } from "./subscription-repository.ts";

describe("subscriptions in PostgreSQL", () => {
  subscriptionsContract(async () => {
    const { pools, close } = await createPostgresSubject();
    return {
      subscriptions: createSubscriptionRepository(pools.commands),
      leases: createDeliveryLeases(pools.commands, { holder: "host/1" }),
      // The database's clock decides: what it compares is moved into the past.
      pass: async (ms) => {
        const back = toInterval(ms);
        await pools.commands.query(sql.unsafe`
          UPDATE subscription SET create_time = create_time - ${back}, state_time = state_time - ${back},
            progress_time = progress_time - ${back}, first_failure_time = first_failure_time - ${back},
            last_failure_time = last_failure_time - ${back}, failing_since = failing_since - ${back},
            next_time = next_time - ${back}, lease_until = lease_until - ${back},
            former_secret_until = former_secret_until - ${back}`);
      },
      close,
    };
  });
});
