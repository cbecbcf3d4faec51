import { expect } from "chai";
import { S3ResponseError } from "./body-requests.ts";
import type { OperationClass } from "./breaker.ts";
import { type Breakers, BucketBreakers } from "./bucket-breakers.ts";

const LIMITS = { failurePercentMax: 50, requestsMin: 4, windowMs: 10_000, openMs: 60_000 };

describe("BucketBreakers", () => {
  const open = (kept = { breakersMax: 100, idleMs: 1000 }) => {
    const changes: string[] = [];
    const clock = { nowMs: 0 };
    const breakers = new BucketBreakers(LIMITS, {
      onChange: ({ bucket, operation }, isOpen) =>
        changes.push(`${bucket} ${operation} ${isOpen ? "opens" : "closes"}`),
      kept,
      now: () => clock.nowMs,
    });
    return { breakers, changes, clock };
  };
  const fail = () => Promise.reject(new S3ResponseError("SlowDown", 503));
  const breakDown = async (breakers: Breakers, operation: OperationClass = "body") => {
    for (let call = 0; call < 5; call++) await breakers(operation, fail).catch(() => {});
  };
  const outcomeOf = (breakers: Breakers, operation: OperationClass = "body") =>
    breakers(operation, async () => "sent").catch(({ code }) => code);

  it("opens for the bucket that fails and for no other", async () => {
    const { breakers, changes } = open();
    await breakDown(breakers.of("ill"));
    expect(await outcomeOf(breakers.of("ill"))).to.equal("EOPENBREAKER");
    expect(await outcomeOf(breakers.of("ill"), "read")).to.equal("sent");
    expect(await outcomeOf(breakers.of("well"))).to.equal("sent");
    expect(changes).to.deep.equal(["ill body opens"]);
  });

  it("forgets a breaker that is idle, open or not", async () => {
    const { breakers, changes, clock } = open();
    await breakDown(breakers.of("ill"));
    await outcomeOf(breakers.of("well"));
    clock.nowMs = 999;
    await outcomeOf(breakers.of("other"));
    expect(breakers.size).to.equal(3);
    clock.nowMs = 1000;
    await outcomeOf(breakers.of("other"));
    expect(breakers.size).to.equal(1);
    expect(changes).to.deep.equal(["ill body opens", "ill body closes"]);
    expect(await outcomeOf(breakers.of("ill"))).to.equal("sent");
  });

  it("keeps a breaker whose request takes longer than that", async () => {
    const { breakers, clock } = open();
    const slow = Promise.withResolvers<string>();
    const sending = breakers.of("slow")("body", () => slow.promise);
    clock.nowMs = 5000;
    await outcomeOf(breakers.of("other"));
    expect(breakers.size).to.equal(2);
    slow.resolve("sent at last");
    expect(await sending).to.equal("sent at last");
    clock.nowMs = 6000;
    await outcomeOf(breakers.of("other"));
    expect(breakers.size).to.equal(1);
  });

  it("keeps no more than its bound, and those that were used last", async () => {
    const { breakers } = open({ breakersMax: 10, idleMs: 1e9 });
    await breakDown(breakers.of("ill"));
    for (let number = 0; number < 50; number++) {
      await outcomeOf(breakers.of(`bucket-${number}`));
      await outcomeOf(breakers.of("ill"));
    }
    expect(breakers.size).to.equal(10);
    expect(await outcomeOf(breakers.of("ill"))).to.equal("EOPENBREAKER");
  });

  it("goes beyond its bound only while requests are under way", async () => {
    const { breakers } = open({ breakersMax: 2, idleMs: 1e9 });
    const held = Promise.withResolvers<void>();
    const sending = Array.from({ length: 6 }, (_, number) =>
      breakers.of(`bucket-${number}`)("body", () => held.promise),
    );
    expect(breakers.size).to.equal(6);
    held.resolve();
    await Promise.all(sending);
    for (let call = 0; call < 4; call++) await outcomeOf(breakers.of("bucket-0"));
    expect(breakers.size).to.equal(2);
  });
});
