import { expect } from "chai";
import { type KillPlan, planKill } from "./kill-plan.ts";

describe("the plan of kills", () => {
  const limits = { partSizeBytes: 1000, partsMax: 50, uploadsPerKill: 3 };
  const plans = Array.from({ length: 400 }, (_, index) => planKill(7, index, limits));
  const momentsOf = (kind: string) => plans.filter(({ moment }) => moment.kind === kind);

  it("follows from the seed and the number of the kill", () => {
    expect(planKill(7, 3, limits)).to.deep.equal(plans[3]);
    expect(planKill(8, 3, limits)).not.to.deep.equal(plans[3]);
    expect(plans[4]).not.to.deep.equal(plans[3]);
  });

  it("has uploads of every class of size, within the bounds, declared and not", () => {
    const uploads = plans.flatMap((plan: KillPlan) => plan.uploads);
    expect(uploads).to.have.lengthOf(1200);
    expect(new Set(uploads.map(({ sizeClass }) => sizeClass)).size).to.equal(3);
    expect(new Set(uploads.map(({ isSizeDeclared }) => isSizeDeclared)).size).to.equal(2);
    expect(new Set(uploads.map(({ transport }) => transport)).size).to.equal(3);
    for (const { transport, isSizeDeclared } of uploads)
      if (transport !== "stream") expect(isSizeDeclared).to.equal(true);
    for (const { sizeBytes, sizeClass } of uploads) {
      expect(sizeBytes).to.be.within(1, 50_001);
      if (sizeClass === "under one part") expect(sizeBytes).to.be.at.most(1000);
    }
  });

  it("kills at every kind of moment, mostly between the bytes", () => {
    expect(momentsOf("bytes").length).to.be.greaterThan(150);
    for (const kind of ["time", "request", "answer"]) expect(momentsOf(kind), kind).not.to.be.empty;
  });

  it("kills one worker as often as all", () => {
    const ofWorkers = plans.filter(({ target }) => target.kind === "worker");
    expect(ofWorkers.length).to.be.within(150, 250);
    for (const { target } of plans) expect(target.pick).to.be.within(0, 1);
  });

  it("aims only at steps that the victim takes", () => {
    for (const { moment, uploads } of plans) {
      if (!("step" in moment)) continue;
      expect(moment.step === "put").to.equal(uploads[0].sizeBytes <= limits.partSizeBytes);
    }
  });
});
