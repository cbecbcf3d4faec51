import { expect } from "chai";
import { FAULT_KINDS, PLANS, planFaults } from "./fault-plan.ts";

describe("the plan of faults", () => {
  const options = { seed: 1, plan: "all", durationMs: 20 * 60_000, replicas: 3, faultMaxMs: 5000 } as const;

  it("follows from the seed", () => {
    expect(planFaults(options)).to.deep.equal(planFaults(options));
    expect(planFaults({ ...options, seed: 2 })).to.not.deep.equal(planFaults(options));
  });

  it("has every kind equally often, and each replica", () => {
    const faults = planFaults(options);
    const counts = FAULT_KINDS.map((kind) => faults.filter((fault) => fault.kind === kind).length);
    expect(Math.max(...counts) - Math.min(...counts)).to.be.at.most(1);
    expect(Math.min(...counts)).to.be.greaterThan(5);
    expect(new Set(faults.map(({ replica }) => replica))).to.deep.equal(new Set([0, 1, 2]));
  });

  it("keeps to its time, and lets some faults overlap, but not most", () => {
    const faults = planFaults(options);
    let overlapping = 0;
    for (const [index, { atMs, durationMs }] of faults.entries()) {
      expect(durationMs).to.be.within(1000, 5000);
      expect(atMs + durationMs).to.be.at.most(options.durationMs);
      const next = faults[index + 1];
      if (next === undefined) continue;
      expect(next.atMs).to.be.at.least(atMs);
      if (next.atMs < atMs + durationMs) overlapping++;
    }
    expect(overlapping).to.be.within(1, faults.length / 2);
  });

  it("has only the kinds of its name", () => {
    for (const plan of Object.keys(PLANS) as (keyof typeof PLANS)[]) {
      expect(PLANS[plan], plan).to.not.be.empty;
      for (const { kind } of planFaults({ ...options, plan })) expect(PLANS[plan]).to.include(kind);
    }
    expect([...PLANS.replicas, ...PLANS.database, ...PLANS.storage]).to.have.members([...FAULT_KINDS]);
  });
});
