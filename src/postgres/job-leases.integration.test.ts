import { expect } from "chai";
import { sql } from "slonik";
import { jobLeasesContract } from "../testing/contracts/job-leases-contract.ts";
import { enteredByTest } from "../testing/rigs/database/journal-guard.ts";
import { createPostgresSubject } from "../testing/rigs/database/postgres-subject.ts";
import { nextUuid } from "../testing/rigs/database/repository-subject.ts";
import { createJobLeases } from "./job-leases.ts";
import { createDeliveryLeases } from "./subscriptions/delivery-leases.ts";

describe("createJobLeases", () => {
  jobLeasesContract(async () => {
    const { pools, close } = await createPostgresSubject();
    return { leases: createJobLeases(pools.commands), close };
  });

  describe("of deliveries", () => {
    let subject: Awaited<ReturnType<typeof createPostgresSubject>>;
    before(async () => {
      subject = await createPostgresSubject();
    });
    after(() => subject.close());
    const subscribe = async (namespace: string, subscriptionId: string) => {
      await subject.pools.commands.query(sql.unsafe`
        INSERT INTO subscription (namespace, subscription_id, principal, receiver_kind, receiver, types, path_prefix, origin_id, sequence)
        VALUES (${namespace}, ${subscriptionId}, 'dev:tester', 'event-bus', 'arn', '{}', '', ${nextUuid()}, 0)`);
      return `deliver-events/${namespace}/${subscriptionId}`;
    };
    const list = (after = "", limit = 10) => createJobLeases(subject.pools.commands).list({ after, limit });

    it("lists them among the jobs, with who delivers, and what went wrong", async () => {
      const names = [await subscribe("default", nextUuid()), await subscribe("other", nextUuid())];
      await createJobLeases(subject.pools.commands).take("sweep-uploads/default", {
        holder: "host/2",
        leaseMs: 60_000,
      });
      expect(
        (await list()).map(({ name }) => name),
        "nobody has delivered yet",
      ).to.deep.equal(["sweep-uploads/default"]);
      const leases = createDeliveryLeases(subject.pools.commands, { holder: "host/1" });
      const [first, second] = await leases.take({ leaseMs: 60_000, limit: 2 });
      if (first === undefined || second === undefined) throw new Error("no lease was taken");
      const nameOf = ({ subscription }: typeof first) =>
        `deliver-events/${subscription.namespace}/${subscription.subscriptionId}`;
      const running = await list();
      expect(running.map(({ name }) => name)).to.deep.equal([...names, "sweep-uploads/default"]);
      for (const job of running.slice(0, 2)) {
        expect(job).to.include({ holder: "host/1" });
        expect(job.untilTime).to.be.greaterThan(job.runningSince as Date);
        expect(job.lastRun).to.include({ outcome: "done", problem: "" });
      }
      await leases.fail(first, { problem: "the receiver answers 503", retryAfterMs: 60_000 });
      await leases.leave(second, { dueAfterMs: 0 });
      const after = new Map((await list()).map((job) => [job.name, job]));
      expect(after.get(nameOf(first))).to.deep.include({ holder: "host/1", runningSince: undefined });
      expect(after.get(nameOf(first))?.lastRun).to.include({ outcome: "failed", problem: "the receiver answers 503" });
      expect(after.get(nameOf(second))?.lastRun).to.include({ outcome: "done", problem: "" });
      expect((await list("", 1)).map(({ name }) => name)).to.deep.equal(names.slice(0, 1));
      expect((await list(names[0], 1)).map(({ name }) => name)).to.deep.equal(names.slice(1));
      await subject.pools.commands.query(
        sql.unsafe`UPDATE subscription SET state = 'paused' WHERE namespace = 'default'`,
      );
      await subject.pools.commands.query(
        sql.unsafe`${enteredByTest} UPDATE namespace SET delete_time = now() WHERE name = 'other'`,
      );
      expect(
        (await list()).map(({ name }) => name),
        "paused, or of no namespace",
      ).to.deep.equal(["sweep-uploads/default"]);
    });
  });
});
