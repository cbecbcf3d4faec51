import { expect } from "chai";
import { useCollectedMetrics } from "../testing/rigs/telemetry/collected-metrics.ts";
import { catchError, SAMPLE_CALLER } from "../testing/samples/sample-records.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

describe("VerifiedTokens", () => {
  const metrics = useCollectedMetrics();
  let now = 0;
  let isCurrent = true;
  let asked = 0;
  let tokens: VerifiedTokens<{ caller: typeof SAMPLE_CALLER; validUntil: number }>;
  const verify = async () => {
    asked++;
    return { caller: SAMPLE_CALLER, validUntil: 100 };
  };
  beforeEach(() => {
    [now, isCurrent, asked] = [0, true, 0];
    tokens = new VerifiedTokens({ name: "tokens", now: () => now, isCurrent: () => isCurrent });
  });

  it("asks once for a token, until its end or until the verdict is no longer current", async () => {
    for (now of [0, 99]) expect(await tokens.callerOf("a", verify)).to.equal(SAMPLE_CALLER);
    expect(asked).to.equal(1);
    now = 100;
    await tokens.callerOf("a", verify);
    expect(asked).to.equal(2);
    [now, isCurrent] = [0, false];
    await tokens.callerOf("a", verify);
    expect(asked).to.equal(3);
    const labels = (outcome: string) => ({ "sluice.cache": "tokens", "sluice.outcome": outcome });
    expect(await metrics.read("sluice.cache.lookups")).to.deep.equal([
      [3, labels("miss")],
      [1, labels("hit")],
    ]);
  });

  it("asks once for all calls that come with the same token at once", async () => {
    const answer = Promise.withResolvers<void>();
    const slow = async () => {
      await answer.promise;
      return await verify();
    };
    const calls = Array.from({ length: 1000 }, () => tokens.callerOf("a", slow));
    const other = tokens.callerOf("b", slow);
    answer.resolve();
    await Promise.all([...calls, other]);
    expect(asked).to.equal(2);
  });

  it("does not remember a refusal", async () => {
    const refuse = async () => {
      throw new Error("refused");
    };
    expect(await catchError(() => tokens.callerOf("a", refuse))).to.have.property("message", "refused");
    expect(await tokens.callerOf("a", verify)).to.equal(SAMPLE_CALLER);
  });
});
